"""What MongoDB's URIs and options come to, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock

from tests.support.certificates import Authority
from twisted_tasks.mongo.options import (
    Address,
    MongoConfig,
    MongoCredentials,
    MongoOptions,
    SrvName,
    TlsFiles,
    read_address,
)
from twisted_tasks.mongo.reply import Misconfigured
from twisted_tasks.mongo.tls import EndpointMaker
from twisted_tasks.mongo.uri import read_options, with_text_record


def read(uri: str, **options: str) -> MongoConfig:
    return read_options(MongoOptions(uri, **options))  # type: ignore[arg-type]


def refused(uri: str, **options: str) -> str:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read(uri, **options)
    return str(caught.value)


def test_defaults() -> None:
    """Little has to be said."""
    config = read("mongodb://localhost")
    assert config.seeds == (Address("localhost", 27017),)
    assert (config.srv, config.direct, config.replica_set, config.credentials, config.tls) == (None, False, None) + (
        None,
    ) * 2
    assert (config.database, config.pool_size, config.connect_timeout) == ("tasks-db", 8, 5.0)
    assert config.write_concern == {"w": "majority"}
    assert config.retryable_writes


def test_members() -> None:
    """Several members may be named, by name or address, with a port or without."""
    config = read("mongodb://A:1,b,[::1]:2,[fe80::1],10.0.0.1/?replicaSet=rs0")
    named = [("a", 1), ("b", 27017), ("::1", 2), ("fe80::1", 27017), ("10.0.0.1", 27017)]
    assert list(config.seeds) == named
    assert config.replica_set == "rs0"
    assert [str(seed) for seed in config.seeds] == ["a:1", "b:27017", "[::1]:2", "[fe80::1]:27017", "10.0.0.1:27017"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a:1", ("a", 1)),
        ("A", ("a", 27017)),
        ("[::1]:1", ("::1", 1)),
        ("[::1]", ("::1", 27017)),
        ("::1", ("::1", 27017)),
        ("fe80::1:2", ("fe80::1:2", 27017)),
        ("10.0.0.1:27018", ("10.0.0.1", 27018)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    """Members' names are read as sets write them."""
    assert read_address(text) == address


def test_a_socket() -> None:
    """A Unix socket is used as it is."""
    config = read("mongodb://%2Ftmp%2Fmongodb.sock/")
    assert (config.seeds, config.direct) == ((Address("/tmp/mongodb.sock", None),), True)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("mongodb://me:secret@h", ""),
        ("mongodb://me:secret@h/", ""),
        ("mongodb://me:secret@h/users", "users"),
        ("mongodb://me:secret@h/users?authSource=admin", "admin"),
        ("mongodb://me:secret@h/?authSource=admin", "admin"),
    ],
)
def test_credentials(uri: str, source: str) -> None:
    """Credentials count with a database in the URI and without; a database in the path only says who knows the user."""
    config = read(uri)
    assert config.credentials == MongoCredentials("DEFAULT", source, "me", "secret")
    assert config.database == "tasks-db"


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    """A password is in no repr."""
    path = tmp_path / "password"
    path.write_text(" secret\r\n\n")
    for options in (MongoOptions("mongodb://me:secret@h"), MongoOptions("mongodb://me@h", password_file=str(path))):
        config = read_options(options)
        assert config.credentials is not None
        assert config.credentials.password == "secret"
        assert "secret" not in repr(options) + repr(config)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b" \r\n", "is empty"),
        (b"\xff", "it is not UTF-8"),
    ],
)
def test_password_files(tmp_path: Path, content: bytes | None, says: str) -> None:
    """A password file that cannot be read or is empty is an error that names it."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    message = refused("mongodb://me@h", password_file=str(path))
    assert says in message
    assert str(path) in message


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("mongodb://me:secret@Db1,[::1]:2/?replicaSet=r", "MongoDB at db1:27017, [::1]:2, database mine"),
        ("mongodb+srv://me:secret@set.example.net", "MongoDB at the servers of set.example.net, database mine"),
    ],
)
def test_what_to_call_it(uri: str, where: str) -> None:
    """What the log says of a database names its servers and itself, and nothing that is secret."""
    assert read_options(MongoOptions(uri, database="mine")).where() == where


def test_passwords_twice(tmp_path: Path) -> None:
    """A password in the URI and in a file, or one for nobody, is an error."""
    path = tmp_path / "password"
    path.write_text("secret")
    assert "given twice" in refused("mongodb://me:other@h", password_file=str(path))
    assert "names no user" in refused("mongodb://h", password_file=str(path))
    assert "without a password" in refused("mongodb://me@h")


def test_write_concerns() -> None:
    """The setting goes before the URI; a number is a number."""
    assert read("mongodb://h/?w=2&journal=true&wtimeoutMS=100").write_concern == {"w": 2, "j": True}
    assert read("mongodb://h/?w=2", write_concern="3").write_concern == {"w": 3}
    assert read("mongodb://h/?w=2", write_concern="dc").write_concern == {"w": "dc"}
    assert read("mongodb://h/?wtimeoutMS=100").write_timeout_ms == 100
    assert "writes are waited for" in refused("mongodb://h/?w=0")
    assert "writes are waited for" in refused("mongodb://h", write_concern="0")
    assert "more than a replica set" in refused("mongodb://h", write_concern="51")


def test_other_options() -> None:
    """What can be honoured is."""
    config = read(
        "mongodb://h/?appName=mine&connectTimeoutMS=1500&directConnection=true&readConcernLevel=majority"
        "&readPreference=primary&retryWrites=false&retryReads=true&replicaSet=x"
    )
    assert (config.app_name, config.connect_timeout, config.direct, config.read_concern) == (
        "mine",
        1.5,
        True,
        "majority",
    )
    assert not config.retryable_writes


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("readPreference=secondary", "readPreference=secondary is not supported"),
        ("readPreferenceTags=a:b", "readpreferencetags is not supported"),
        ("retryReads=false", "retryReads=false is not supported"),
        ("readConcernLevel=linearizable", "readConcernLevel=linearizable is not supported"),
        ("compressors=zlib", "compressors is not supported"),
        ("socketTimeoutMS=1", "sockettimeoutms is not supported: every call has a deadline"),
        ("serverSelectionTimeoutMS=1", "serverselectiontimeoutms is not supported: every call has a deadline"),
        ("maxPoolSize=1", "maxpoolsize is not supported: the size of the pool is a setting of its own"),
        ("loadBalanced=true", "loadbalanced is not supported"),
        ("tls=true&tlsInsecure=true", "is not supported: a server whose"),
        ("tls=true&tlsAllowInvalidCertificates=true", "is not supported: a server whose certificate is not checked"),
        ("tls=true&tlsAllowInvalidHostnames=true", "is not supported: a server whose name is not checked"),
        ("fsync=true", "fsync is not supported"),
        ("foo=1", "Unknown option: foo"),
        ("authMechanism=GSSAPI", "authMechanism=GSSAPI is not supported"),
        ("authMechanism=FOO", "authmechanism must be in"),
        ("authMechanism=MONGODB-X509", "X.509 without tls=true and tlsCertificateKeyFile"),
        ("tlsCAFile=/dev/null", "names TLS files without tls=true"),
        ("tls=maybe", "The value of tls must be 'true' or 'false'"),
        ("tls=true&ssl=false", "conflicting values"),
        ("tls=true&tlsCAFile=/nowhere", "/nowhere"),
        ("connectTimeoutMS=x", "connecttimeoutms must be an integer"),
        ("w=1&w=2", "Duplicate URI option"),
    ],
)
def test_options_refused(option: str, says: str) -> None:
    """An option that cannot be honoured is an error that names it."""
    assert says in refused(f"mongodb://me:secret@h/?{option}")


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://",
        "mongodb:///",
        "mongodb://h:0x1/",
        "mongodb://h:99999/",
        "mongodb://h,/",
        "mongodb://me:se/cret@h/",
        "mongodb://me:se@cret@h/",
        "mongodb://me:se:cret@h/",
        "mongodb://me:secret%@h/",
        "mongodb://me:secret@h/a$b",
        "mongodb://me:secret@h/?x",
        "mongodb://me:secret@h,h2/?directConnection=true",
        "mongodb://me:secret@[::1/",
        "postgres://h",
        "",
    ],
)
def test_uris_refused(uri: str) -> None:
    """A URI that makes no sense is an error in one line, without the password."""
    message = refused(uri)
    assert message.startswith("the MongoDB URI is not valid")
    for piece in ("secret", "se/cret", "se@cret", "cret"):
        assert piece not in message


@given(st.text(alphabet="abc:/@?%&=,[].$ s3cr3t", max_size=40))
def test_any_uri(rest: str) -> None:
    """Whatever the URI, it is understood or refused with a ValueError, and its password is not told."""
    try:
        read(f"mongodb://me:pä55word{rest}@h/")
    except ValueError as error:
        assert "55word" not in str(error)  # noqa: PT017  most of them are refused, and some are not


def test_srv() -> None:
    """A mongodb+srv URI names one host, and TLS goes without saying."""
    config = read("mongodb+srv://me:secret@Db.Example.com/?srvServiceName=tasks&srvMaxHosts=2")
    assert config.srv == SrvName("db.example.com", "tasks", 2)
    assert config.seeds == ()
    assert config.tls == TlsFiles()
    assert read("mongodb+srv://db.example.com/?tls=false").tls is None


@pytest.mark.parametrize(
    "rest",
    [
        "a,b",
        "a:1",
        "[::1]",
        "a/?directConnection=true",
        "a/?srvMaxHosts=1&replicaSet=x",
        "%2Ftmp%2Fx.sock",
        "a/?srvMaxHosts=x",
    ],
)
def test_srv_refused(rest: str) -> None:
    """A mongodb+srv URI with several hosts, a port, or options that contradict it is an error."""
    assert "the MongoDB URI is not valid" in refused(f"mongodb+srv://{rest}")


def test_text_records() -> None:
    """A TXT record adds what the URI leaves open, and no more."""
    config = read("mongodb+srv://me:secret@db.example.com/")
    found = with_text_record(config, "authSource=users&replicaSet=rs0")
    assert found.credentials == MongoCredentials("DEFAULT", "users", "me", "secret")
    assert found.replica_set == "rs0"
    config = read("mongodb+srv://me:secret@db.example.com/?authSource=mine&replicaSet=mine")
    assert with_text_record(config, "authSource=users&replicaSet=rs0") == config


def test_pem_files(tmp_path: Path) -> None:
    """Files that hold no certificate, no key, or the key of another are an error that names them."""
    authority = Authority(tmp_path)
    one, two = authority.sign("one", "clients"), authority.sign("two", "clients", password="secret")
    empty = tmp_path / "empty"
    empty.write_text("")
    mixed = tmp_path / "mixed"
    mixed.write_bytes(authority.file.read_bytes() + one.read_bytes())
    for files, says in (
        (TlsFiles(ca_file=str(empty)), "tlsCAFile"),
        (TlsFiles(ca_file=str(tmp_path / "nowhere")), "cannot read"),
        (TlsFiles(key_file=str(empty)), "holds no certificate"),
        (TlsFiles(key_file=str(authority.file)), "holds no private key"),
        (TlsFiles(key_file=str(mixed)), "holds the key of another certificate"),
        (TlsFiles(key_file=str(two)), "or the lack of it"),
        (TlsFiles(key_file=str(two), key_password="wrong"), "or the lack of it"),
    ):
        with pytest.raises(ValueError, match=says):
            EndpointMaker(None, files, 5.0)
    EndpointMaker(None, TlsFiles(str(authority.file), str(two), "secret"), 5.0)


@pytest.mark.parametrize("host", ["my_mongo", "ab--cd", "_tasks.internal"])
def test_hosts_by_any_name(host: str) -> None:
    """A host that the resolver may know is one in a URI, too; but no certificate can be made out for some names."""
    (address,) = read_options(MongoOptions(f"mongodb://{host}/")).seeds
    assert address == Address(host, 27017)
    assert read_address(f"{host}:27018") == Address(host, 27018)
    EndpointMaker(MemoryReactorClock(), None, 5.0)(address)
    with pytest.raises(Misconfigured, match=host):
        EndpointMaker(MemoryReactorClock(), TlsFiles(), 5.0)(address)
