"""MongoDB's URIs, and what of them can be honoured.

Everything that can be refused is refused here, with a sentence, before anything is opened. A URI option is honoured
or it is an error: a driver that quietly ignores `readPreference` or `tlsCRLFile` does something other than what was
asked. The parsing of URIs is PyMongo's (its public `uri_parser`); what each option comes to is ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from twisted_tasks.mongo.options import Address, MongoConfig, MongoCredentials, MongoOptions, SrvName, TlsFiles

DEFAULT_CONNECT_TIMEOUT = 5.0
"""Seconds for a connection to be made, TLS and login included. No more than the longest back-off, so that after an
outage nobody waits longer for a stuck attempt than for the next one."""
APP_NAME = "twisted-tasks"

_SRV = "mongodb+srv://"
_PLAIN = "mongodb://"
_MECHANISMS = ("DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509")

# Every option there is that we honour, in lower case. The others are refused by name.
_HONOURED = frozenset(
    {
        "appname",
        "authmechanism",
        "authsource",
        "connecttimeoutms",
        "directconnection",
        "journal",
        "readconcernlevel",
        "readpreference",
        "replicaset",
        "retryreads",
        "retrywrites",
        "ssl",
        "srvmaxhosts",
        "srvservicename",
        "tls",
        "tlscafile",
        "tlscertificatekeyfile",
        "tlscertificatekeyfilepassword",
        "w",
        "wtimeoutms",
    }
)
# Options people bring from other drivers, and what to use here.
_INSTEAD = {
    "sockettimeoutms": "every call has a deadline",
    "serverselectiontimeoutms": "every call has a deadline",
    "timeoutms": "every call has a deadline",
    "waitqueuetimeoutms": "every call has a deadline",
    "tlsinsecure": "a server whose certificate is not checked is never spoken to",
    "tlsallowinvalidcertificates": "a server whose certificate is not checked is never spoken to",
    "tlsallowinvalidhostnames": "a server whose name is not checked is never spoken to",
    "maxpoolsize": "the size of the pool is a setting of its own",
    "minpoolsize": "the pool is always full",
}


def read_options(options: MongoOptions) -> MongoConfig:
    """Make a MongoConfig of what was said.

    @raise ValueError: for the first thing that cannot be honoured, in one sentence without any password.
    """
    parsed = _parse(options.uri)
    uri = {name.lower(): value for name, value in parsed["options"].items()}
    _refuse(uri)
    is_srv = options.uri.startswith(_SRV)
    tls = _tls(uri, is_srv)
    return MongoConfig(
        seeds=() if is_srv else tuple(Address(host.lower(), port) for host, port in parsed["nodelist"]),
        srv=_srv(parsed, uri) if is_srv else None,
        direct=_direct(parsed, uri),
        replica_set=uri.get("replicaset"),
        credentials=_credentials(options, parsed, uri, tls),
        tls=tls,
        database=options.database,
        pool_size=options.pool_size,
        connect_timeout=uri.get("connecttimeoutms") or DEFAULT_CONNECT_TIMEOUT,
        app_name=uri.get("appname") or APP_NAME,
        write_concern=_write_concern(options, uri),
        write_timeout_ms=uri.get("wtimeoutms") or None,
        read_concern=_read_concern(uri),
        retryable_writes=uri.get("retrywrites", True),
    )


def with_text_record(config: MongoConfig, text: str) -> MongoConfig:
    """Return the config with what the TXT record beside SRV records says, where the URI itself says nothing.

    @raise ValueError: when it holds anything but authSource and replicaSet (the Initial DNS Seedlist Discovery
        specification allows no more that we could honour).
    """
    uri = {name.lower(): value for name, value in _parse(f"{_PLAIN}host/?{text}")["options"].items()}
    if not uri.keys() <= {"authsource", "replicaset"}:
        raise ValueError("the TXT record of the MongoDB URI's host says more than authSource and replicaSet")
    credentials = config.credentials
    if credentials is not None and "authsource" in uri and not credentials.source:
        credentials = replace(credentials, source=uri["authsource"])
    return replace(config, credentials=credentials, replica_set=config.replica_set or uri.get("replicaset"))


def _parse(uri: str) -> dict[str, Any]:
    """Let PyMongo parse the URI, without its asking any name server, and without a password in what it says."""
    plain, own = _as_plain(uri) if uri.startswith(_SRV) else (uri, {})
    try:
        parsed = _parse_plain(plain)
        return {**parsed, "options": {**parsed["options"], **own}}
    except ValueError:
        # The parser's errors quote the URI. Those about a URI without its user are safe to show; and when it is fine
        # without, the user or the password was what was wrong.
        _parse_plain(_without_user(plain))
    raise ValueError("the MongoDB URI is not valid: is its user name or password not percent-encoded?")


def _as_plain(uri: str) -> tuple[str, dict[str, Any]]:
    """Return a mongodb+srv URI as a plain one, and the options only the former may have.

    The parser would look the records up, and the reactor wait for it.
    """
    place, mark, options = uri.removeprefix(_SRV).partition("?")
    own: dict[str, Any] = {}
    others = []
    for option in options.split("&"):
        name, _, value = option.partition("=")
        if name.lower() == "srvservicename":
            own["srvservicename"] = value
        elif name.lower() == "srvmaxhosts":
            if not value.isdigit():
                raise ValueError("the MongoDB URI is not valid: srvMaxHosts is not a number")
            own["srvmaxhosts"] = int(value)
        else:
            others.append(option)
    return _PLAIN + place + (mark if any(others) else "") + "&".join(others), own


def _parse_plain(uri: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what the parser merely warns of, it ignores
        try:
            return dict(parse_uri(uri))
        except (PyMongoError, ValueError, TypeError, OSError, Warning) as error:
            raise ValueError(f"the MongoDB URI is not valid: {str(error).partition('. Did you')[0]}") from None


def _without_user(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    place, mark, options = rest.partition("?")
    return f"{scheme}://{place.rpartition('@')[2]}{mark}{options}"


def _refuse(uri: Mapping[str, Any]) -> None:
    for name in sorted(uri):
        if name in _INSTEAD:
            raise ValueError(f"the MongoDB URI's option {name} is not supported: {_INSTEAD[name]}")
        if name not in _HONOURED:
            raise ValueError(f"the MongoDB URI's option {name} is not supported")
    if (mode := uri.get("readpreference", "primary")) != "primary":
        raise ValueError(f"the MongoDB URI's option readPreference={mode} is not supported: reads go to the primary")
    if uri.get("retryreads") is False:
        raise ValueError("the MongoDB URI's option retryReads=false is not supported: reads are repeated")


def _direct(parsed: Mapping[str, Any], uri: Mapping[str, Any]) -> bool:
    return bool(uri.get("directconnection", False)) or parsed["nodelist"][0][1] is None


def _srv(parsed: Mapping[str, Any], uri: Mapping[str, Any]) -> SrvName:
    if len(parsed["nodelist"]) != 1 or uri.get("directconnection"):
        raise ValueError("the MongoDB URI is not valid: mongodb+srv takes one host, and no directConnection")
    host, port = parsed["nodelist"][0]
    if port != 27017 or ":" in host:
        raise ValueError("the MongoDB URI is not valid: mongodb+srv takes a host name without a port")
    max_hosts = uri.get("srvmaxhosts") or 0
    if max_hosts and uri.get("replicaset"):
        raise ValueError("the MongoDB URI is not valid: srvMaxHosts and replicaSet cannot be given together")
    return SrvName(host.lower(), uri.get("srvservicename") or "mongodb", max_hosts)


def _tls(uri: Mapping[str, Any], is_srv: bool) -> TlsFiles | None:
    files = TlsFiles(uri.get("tlscafile"), uri.get("tlscertificatekeyfile"), uri.get("tlscertificatekeyfilepassword"))
    wanted = uri.get("tls", uri.get("ssl"))
    if wanted is None:
        wanted = is_srv
    if not wanted and files != TlsFiles():
        raise ValueError("the MongoDB URI names TLS files without tls=true")
    return files if wanted else None


def _credentials(
    options: MongoOptions, parsed: Mapping[str, Any], uri: Mapping[str, Any], tls: TlsFiles | None
) -> MongoCredentials | None:
    mechanism = uri.get("authmechanism", "DEFAULT")
    username = parsed["username"]
    if mechanism not in _MECHANISMS:
        raise ValueError(f"the MongoDB URI's option authMechanism={mechanism} is not supported")
    if mechanism == "MONGODB-X509":
        if tls is None or tls.key_file is None:
            raise ValueError("the MongoDB URI asks for X.509 without tls=true and tlsCertificateKeyFile")
        return MongoCredentials(mechanism, "$external", username)
    if username is None:
        if options.password_file is not None or mechanism != "DEFAULT":
            raise ValueError("the MongoDB URI names no user to log in as")
        return None
    password = _password(options, parsed)
    # A TXT record may still name the source: "" until then, and "admin" if it does not (see `source_of`).
    return MongoCredentials(mechanism, uri.get("authsource") or parsed["database"] or "", username, password)


def _password(options: MongoOptions, parsed: Mapping[str, Any]) -> str:
    if options.password_file is None:
        if not parsed["password"]:
            raise ValueError("the MongoDB URI names a user without a password, and no password file is given")
        return str(parsed["password"])
    if parsed["password"]:
        raise ValueError("a MongoDB password is given twice: in the URI and by a file")
    return read_password(options.password_file)


def read_password(file: str) -> str:
    """Return the password in a file. Raise ValueError, in one sentence, when there is none to read."""
    try:
        password = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"cannot read the MongoDB password file {file}: {reason}") from None
    if not password:
        raise ValueError(f"the MongoDB password file {file} is empty")
    return password


def _write_concern(options: MongoOptions, uri: Mapping[str, Any]) -> Mapping[str, Any]:
    w: Any = options.write_concern if options.write_concern is not None else uri.get("w", "majority")
    if isinstance(w, str) and w.isdigit():
        w = int(w)
    if w in (0, "", None):
        raise ValueError("a MongoDB write concern of 0 is not supported: writes are waited for")
    if isinstance(w, int) and w > 50:  # a set has no more members
        raise ValueError(f"a MongoDB write concern of {w} is more than a replica set can have")
    return {"w": w, "j": uri["journal"]} if "journal" in uri else {"w": w}


def _read_concern(uri: Mapping[str, Any]) -> str | None:
    level = uri.get("readconcernlevel")
    if level not in (None, "local", "majority"):
        raise ValueError(f"the MongoDB URI's option readConcernLevel={level} is not supported")
    return level
