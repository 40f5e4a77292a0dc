BEGIN TRANSACTION;
CREATE TABLE change (
    number integer primary key autoincrement,
    key text not null,
    app text not null,
    version integer not null,
    node text not null,
    ended integer not null
);
INSERT INTO "change" VALUES(1,'AA1kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',1,'n1',0);
INSERT INTO "change" VALUES(2,'AA2kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',1,'n1',0);
INSERT INTO "change" VALUES(3,'AA3kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',1,'n1',0);
INSERT INTO "change" VALUES(4,'AA4kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',1,'n1',0);
INSERT INTO "change" VALUES(5,'AA4kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',2,'n1',1);
INSERT INTO "change" VALUES(6,'AA5kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop',2,'n1',0);
CREATE TABLE session (
    key text not null,
    app text not null,
    ref text not null,
    principal text,
    epoch integer not null,
    version integer not null,
    created_at real not null,
    accessed_at real not null,
    renewed_at real not null,
    expires_at real not null,
    absolute_at real not null,
    node text not null,
    data blob not null,
    claimed_until real,
    primary key (key, app)
);
INSERT INTO "session" VALUES('AA1kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop','ref1',NULL,0,1,1800000000.0,1800000000.0,1800000000.0,1800000060.0,1800036000.0,'n1',X'81A46361727493010203',1800000150.0);
INSERT INTO "session" VALUES('AA2kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop','ref2','alice',0,1,1800000000.0,1800000000.0,1800000000.0,1800000060.0,1800000060.0,'n1',X'81A46361727493010203',1800000150.0);
INSERT INTO "session" VALUES('AA3kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop','ref3','alice',0,1,1800000120.0,1800000120.0,1800000120.0,1800001920.0,1800036120.0,'n1',X'81A46361727493010203',NULL);
INSERT INTO "session" VALUES('AA5kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop','ref4',NULL,0,2,1800000120.0,1800000120.0,1800000120.0,9e999,9e999,'n1',X'81A46361727493010203',NULL);
CREATE TABLE stub (
    key text not null,
    app text not null,
    target text not null,
    leads integer not null,
    until real,
    primary key (key, app)
) without rowid;
INSERT INTO "stub" VALUES('AA4kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','shop','AA5kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk',1,NULL);
CREATE UNIQUE INDEX session_ref on session (ref, app);
CREATE INDEX session_expires_at on session (expires_at);
CREATE INDEX session_principal on session (principal, app) where principal is not null;
CREATE INDEX stub_target on stub (target, app);
CREATE INDEX stub_until on stub (until) where until is not null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('change',6);
COMMIT;
