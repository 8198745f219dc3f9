"""The check-up of a MongoDB, by PyMongo: another driver than the daemon's, which tells more, and blocks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from twisted_tasks.cli.doctor.findings import Findings
from twisted_tasks.mongo.indexes import Index
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.uri import read_password
from twisted_tasks.service.storage.mongo import documents, inspection, removed
from twisted_tasks.service.storage.mongo.changes import SYNC_INDEX

_PATIENCE_MS = 4000
_OLDEST = (4, 4)
"""The oldest version whose end of life lies not far back; older ones lack what the store makes use of."""
_DAY_SECONDS = 24 * 3600
_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13


def examine(settings: MongoOptions, findings: Findings) -> None:
    """Look at a database."""
    try:
        options: dict[str, Any] = {}
        if settings.password_file is not None:
            options["password"] = read_password(settings.password_file)
        client: MongoClient[dict[str, Any]] = MongoClient(
            settings.uri,
            serverSelectionTimeoutMS=_PATIENCE_MS,
            connectTimeoutMS=_PATIENCE_MS,
            socketTimeoutMS=_PATIENCE_MS,
            **options,
        )
    except (PyMongoError, ValueError, OSError) as error:
        findings.wrong("uri", f"it makes no sense: {error}", "see docs/configuration.md, --mongo-uri")
        return
    with client:
        try:
            _connected(client, settings, findings)
        except PyMongoError as error:
            findings.wrong(*_explain(error))


def _explain(error: PyMongoError) -> tuple[str, str, str]:
    if isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED:
        return "login", "the name or the password is wrong", "correct the URI, and its authSource"
    if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
        advice = "give the user the role readWrite on the database, or put a name and a password into the URI"
        return "login", "the user may not do this, or there is no login", advice
    if isinstance(error, ServerSelectionTimeoutError):
        short = str(error).partition(", Timeout:")[0].partition(" (configured timeouts")[0]
        return "reachable", f"no server to write to: {short}", "is it running? does it have a primary? is TLS right?"
    if isinstance(error, ConfigurationError):
        return "uri", f"it makes no sense: {error}", "see docs/configuration.md, --mongo-uri"
    text = str(error).partition(", full error")[0]
    return "mongodb", f"it fails: {text}", "its log has the cause"


def _connected(client: MongoClient[dict[str, Any]], settings: MongoOptions, findings: Findings) -> None:
    database = client[settings.database]
    hello: Mapping[str, Any] = client.admin.command("hello")
    findings.ok("reachable", f"MongoDB at {hello.get('me') or '%s:%s' % (client.address or ('?', '?'))}")
    _login(client, settings, findings)
    # Reads and writes nothing that is anybody's; who may do this may do all the service does.
    database.tasks.find_one({"_id": 0})
    _version(client.server_info(), findings)
    _set(client, hello, findings)
    _concern(client, settings, hello, findings)
    _indexes(database, findings)
    _refusals(database, findings)
    findings.ok("tasks", f"about {database.tasks.estimated_document_count():,} in the database {settings.database}")


def _login(client: MongoClient[dict[str, Any]], settings: MongoOptions, findings: Findings) -> None:
    status = client.admin.command("connectionStatus", showPrivileges=False)["authInfo"]
    users = [user["user"] for user in status["authenticatedUsers"]]
    if not users:
        findings.note(
            "login", "without a name: whoever reaches it may do anything", "fine on a network of its own only"
        )
        return
    roles = {(role["role"], role["db"]) for role in status["authenticatedUserRoles"]}
    wide = {"readWriteAnyDatabase", "root", "__system"}
    if any(role in wide or (role in ("readWrite", "dbOwner") and db == settings.database) for role, db in roles):
        findings.ok("login", f"as {users[0]}, who may read and write {settings.database}")
    else:
        names = ", ".join(f"{role} on {db}" for role, db in sorted(roles)) or "no role"
        findings.note("login", f"as {users[0]}, who has {names}", f"readWrite on {settings.database} is what it needs")


def _version(info: Mapping[str, Any], findings: Findings) -> None:
    version = tuple(info["versionArray"][:2])
    if version < _OLDEST:
        findings.wrong("version", f"MongoDB {info['version']} is too old", f"{_OLDEST[0]}.{_OLDEST[1]} or newer")
    else:
        findings.ok("version", f"MongoDB {info['version']}")


def _set(client: MongoClient[dict[str, Any]], hello: Mapping[str, Any], findings: Findings) -> None:
    if "setName" not in hello:
        findings.note(
            "replicas", "it is a single server: when it is lost, so are the tasks", "a replica set of three keeps them"
        )
        return
    try:
        members = client.admin.command("replSetGetStatus")["members"]
    except OperationFailure:  # only some users may ask; what hello says everybody is told
        findings.ok(
            "replicas", f"set {hello['setName']}, {len(hello.get('hosts', ()))} members, primary {hello['primary']}"
        )
        return
    down = [one["name"] for one in members if one["health"] != 1 or one["stateStr"] not in _FINE]
    text = f"set {hello['setName']}, {len(members)} members, primary {hello.get('primary', 'none')}"
    if down:
        findings.wrong("replicas", f"{text}; not well: {', '.join(down)}", "bring them back: writes need a majority")
    else:
        findings.ok("replicas", text)


_FINE = ("PRIMARY", "SECONDARY", "ARBITER")


def _concern(
    client: MongoClient[dict[str, Any]], settings: MongoOptions, hello: Mapping[str, Any], findings: Findings
) -> None:
    concern = settings.write_concern or client.write_concern.document.get("w") or "majority"
    if str(concern) in ("0", "1") and "setName" in hello:
        findings.note(
            "writes",
            f"a write counts as done with w={concern}: one that was acknowledged can be lost",
            "leave it out, which is majority",
        )
    else:
        findings.ok("writes", f"a write counts as done with w={concern}")


def _refusals(database: Any, findings: Findings) -> None:
    """Look for what somebody has set up that will refuse tasks for good."""
    collections = database.command(inspection.list_collection())["cursor"]["firstBatch"]
    view = inspection.is_view(collections)
    indexes = database.command(inspection.list_indexes())["cursor"]["firstBatch"] if collections and not view else []
    validator = None if view else inspection.validator_of(collections)
    let_in = None
    if validator is not None:
        let_in = len(database.command(inspection.try_validator(validator))["cursor"]["firstBatch"])
    for sentence in inspection.judge(collections, indexes, let_in):
        what, _, advice = sentence.partition(": ")
        findings.wrong("refusals", what, advice)


def _indexes(database: Any, findings: Findings) -> None:
    indexes = database[documents.COLLECTION].index_information()
    if not indexes:
        findings.note("index", "there are no tasks yet", "the daemon makes the collections and their indexes")
        return
    if _like(documents.INDEX, indexes) is None:
        findings.wrong("index", "the index of lists is missing: they are slow", "start the daemon: it makes it")
    else:
        findings.ok("index", "the index of lists is there")
    if _like(SYNC_INDEX, indexes) is None:
        findings.ok("changes", "their index is not there: the daemon makes it when somebody first asks for changes")
    else:
        findings.ok("changes", "their index is there")
    _removed(database[removed.REMOVED].index_information(), findings)


def _removed(indexes: Mapping[str, Any], findings: Findings) -> None:
    """Look at the collection of removed tasks, by its indexes."""
    if not indexes:
        findings.note("removed", "there is no collection of removed tasks yet", "start the daemon: it makes it")
        return
    if _like(removed.INDEX, indexes) is None:
        findings.wrong("removed", "their index is missing: changes are slow", "start the daemon: it makes it")
        return
    # How long is the daemon's to say; that there is a time at all can be seen here.
    days = [_days(index, indexes) for index in removed.indexes(removed.TOLD_DAYS) if index.options]
    if None in days:
        findings.note("removed", "some are kept for ever: no index removes them", "start the daemon: it makes it")
    else:
        findings.ok("removed", f"removed tasks are forgotten after {days[-1]:g} days")


def _like(wanted: Index, indexes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the index with the key that is wanted, whatever its name; None when there is none."""
    key = list(wanted.key.items())
    return next((index for index in indexes.values() if list(index["key"]) == key), None)


def _days(wanted: Index, indexes: Mapping[str, Any]) -> float | None:
    """Return after how many days an index removes documents; None when it is missing or removes none."""
    seconds = (_like(wanted, indexes) or {}).get("expireAfterSeconds")
    return None if seconds is None else seconds / _DAY_SECONDS
