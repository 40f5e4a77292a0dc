"""Tomcat, of Debian's packages, with the examples and the manager that come with it: a form login and JSESSIONID."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from tests.applications.installation import Failed
from tests.backends.asking import ask
from tests.backends.backend import PASSWORD, USER, Asked, Asking, Known, Log, plainly
from tests.backends.fetching import debian_packages, needed
from tests.backends.running import Running

from sojourn.outbound import Backend, Form, Logout

__all__ = ["KNOWN"]

PACKAGES = (
    *("tomcat10", "tomcat10-common", "tomcat10-examples", "tomcat10-admin"),
    *("libtomcat10-java", "libeclipse-jdt-core-java"),
)
PAGE = "jsp/security/protected/index.jsp"
KEEPER = "keeper"
"""Who may look into it by its manager."""

SERVER = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.MemoryRealm" pathname="conf/users.xml"/>
      <Host name="localhost" appBase="webapps">
        <Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs" prefix="localhost_access_log"
               suffix=".txt" rotatable="false" buffered="false" pattern="%m %U %s %u"/>
      </Host>
    </Engine>
  </Service>
</Server>
"""
USERS = f"""\
<tomcat-users>
  <user username="{USER}" password="{PASSWORD}" roles="tomcat"/>
  <user username="{KEEPER}" password="{PASSWORD}" roles="manager-script"/>
</tomcat-users>
"""


class Tomcat:
    """It runs."""

    def __init__(self, root: Path, home: Path) -> None:
        """`root`: where the packages are. Raises `Failed`."""
        share = root / "usr/share"
        for directory in ("conf/Catalina/localhost", "logs", "temp", "webapps", "work"):
            (home / directory).mkdir(parents=True)
        (home / "conf/users.xml").write_text(USERS)
        (home / "conf/web.xml").write_bytes((share / "tomcat10/etc/web.xml").read_bytes())
        for name, place in (("examples", "tomcat10-examples"), ("manager", "tomcat10-admin")):
            context = f'<Context docBase="{share / place / name}" privileged="true"/>'
            (home / f"conf/Catalina/localhost/{name}.xml").write_text(context)
        libraries = ":".join(str(jar) for jar in (share / "tomcat10/bin").glob("*.jar"))
        self._running = Running(
            [
                *("java", "-Xmx256m", "-cp", libraries, f"-Dcatalina.home={share / 'tomcat10'}"),
                *(f"-Dcatalina.base={home}", f"-Djava.io.tmpdir={home / 'temp'}"),
                *("org.apache.catalina.startup.Bootstrap", "start"),
            ],
            home,
        )
        (home / "conf/server.xml").write_text(SERVER.format(port=self._running.port))
        self._running.start()
        self._log = home / "logs/localhost_access_log.txt"
        self._keeper = b64encode(f"{KEEPER}:{PASSWORD}".encode()).decode()
        self.versions = self._versions()

    def backend(self, password: str) -> Backend:
        return Backend(
            f"{self._running.url}examples/",
            reuse="flow",
            auth=Form(f"/examples/{PAGE}", {"j_username": USER, "j_password": password}, identity=USER),
            closing=Logout(f"{PAGE}?logoff=true"),
        )

    def log(self) -> Log:
        lines = [line.split() for line in self._log.read_text().splitlines()]
        checked = [status for _, path, status, _ in lines if path.partition(";")[0].endswith("/j_security_check")]
        return Log(
            sum(status in ("302", "303") for status in checked),
            sum(status == "200" for status in checked),
            lines.count(["POST", f"/examples/{PAGE}", "200", USER]),
            sum(map(int, re.findall(r": \[(\d+)\] sessions", self._keep("sessions")))),
        )

    def forget(self) -> None:
        self._keep("expire", idle="0")

    def stop(self) -> None:
        self._running.stop()

    def _keep(self, what: str, **more: str) -> str:
        """What its manager says."""
        query = urlencode({"path": "/examples", **more})
        url = f"{self._running.url}manager/text/{what}?{query}"
        text = ask(url, headers={"Authorization": f"Basic {self._keeper}"})
        if not text.startswith("OK"):
            raise Failed(f"the manager of Tomcat says: {text.splitlines()[0]}")
        return text

    def _versions(self) -> Mapping[str, str]:
        said = dict(re.findall(r"^([\w -]+): \[?([^\]\n]+)", self._keep("serverinfo"), re.MULTILINE))
        return {"Tomcat": said["Tomcat Version"].removeprefix("Apache Tomcat/"), "Java": said["JVM Version"]}


def start(places: Path, home: Path) -> Tomcat:
    """Raises `Failed`."""
    needed("java")
    return Tomcat(debian_packages(places / "tomcat", PACKAGES), home)


def _change(number: int) -> Asked:
    return Asked("POST", f"{PAGE}?role={number}", 200, mark="You are logged in as remote user")


KNOWN = Known(
    title="Tomcat, its examples",
    signs_in="its login form, with a redirect back and JSESSIONID; `Logout` by GET",
    forgets="its manager lets the sessions expire",
    counted="its access log, and the count of sessions of its manager",
    start=start,
    callers=plainly(Asking(Asked("GET", PAGE, 200, mark="You are logged in as remote user"), _change)),
)
