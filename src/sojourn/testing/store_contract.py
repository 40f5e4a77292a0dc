"""StoreContract: what every store promises, as tests."""

from __future__ import annotations

from sojourn.testing.contract.expiring import ExpiringContract
from sojourn.testing.contract.keeping import KeepingContract
from sojourn.testing.contract.moving import MovingContract
from sojourn.testing.contract.powers.admitting import AdmittingContract
from sojourn.testing.contract.powers.discarding import DiscardingContract
from sojourn.testing.contract.powers.ending import EndingContract
from sojourn.testing.contract.powers.leasing import LeasingContract
from sojourn.testing.contract.powers.listing import ListingContract
from sojourn.testing.contract.powers.opening import OpeningContract
from sojourn.testing.contract.powers.recalling import RecallingContract
from sojourn.testing.contract.powers.sweeping import SweepingContract
from sojourn.testing.contract.powers.telling import TellingContract
from sojourn.testing.contract.powers.watching import WatchingContract
from sojourn.testing.contract.saving import SavingContract

__all__ = ["StoreContract"]


class StoreContract(
    SavingContract,
    MovingContract,
    ExpiringContract,
    KeepingContract,
    SweepingContract,
    DiscardingContract,
    EndingContract,
    AdmittingContract,
    LeasingContract,
    TellingContract,
    RecallingContract,
    ListingContract,
    WatchingContract,
    OpeningContract,
):
    """The promises of `sojourn.store.base`, as tests of the store that a subclass gives.

        class TestMyStore(StoreContract):
            @pytest.fixture
            def store(self, clock: FakeClock) -> MyStore:
                return MyStore(clock=clock)

            def raw_bytes(self, store: Store) -> Iterable[bytes]:
                yield dump_of_everything()

    `store` is a fixture that returns a fresh and empty store, which tells the time by `clock`, a `FakeClock`. Each test
    runs in an event loop of its own, without a plugin of pytest, and closes the store in the end if it `Opens`; other
    things are put away by the fixture, after a `yield`.

    The optional powers (`Sweeps`, `Admits`, `Leases`, `Tells`, `Recalls`, `Lists`, `Watches`, `Moves`, `Opens`) are
    tested where the store has them, as `sojourn.store.base.power` says. The tests of the others are skipped.

    `raw_bytes` looks behind the store's back: it yields all that the store keeps, as it is at rest (files, a dump, keys
    and values). With it the contract makes sure that nobody who reads a copy of the store can use a visitor's session.
    """
