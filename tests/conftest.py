"""Real servers for the tests: each is started by the first test that asks for it.

Under xdist each worker has servers of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme
from hypothesis import HealthCheck, settings

import dovecot
from bigquery_emulator import no_dataset_left
from dovecot import Dovecot
from entrypoints.demo import servers
from entrypoints.demo.postgres import postgres
from entrypoints.demo.process import bypass_proxies
from entrypoints.demo.servers import MailEndpoint, S3Endpoint
from google_storage import google_storage
from strict_bigquery.control import StrictFront, open_front, shared_process
from token_endpoint import TokenEndpoint, token_endpoint

# How fast an example runs says how busy the machine is, and nothing of the code. In CI the examples
# are the same each time: no change is refused by chance. At a desk they are others each time.
settings.register_profile(
    "waybill",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("waybill")


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this test process's servers keep their data and logs."""
    bypass_proxies()
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def redis_url(server_folder: Path) -> Iterator[str]:
    with servers.valkey(server_folder / "valkey") as url:
        yield url


@pytest.fixture(scope="session")
def s3_endpoint(server_folder: Path) -> Iterator[S3Endpoint]:
    with servers.seaweed(server_folder / "seaweed") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def mail_endpoint(server_folder: Path) -> Iterator[MailEndpoint]:
    with servers.mail(server_folder / "mail") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts who is not told to."""
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, server_folder: Path) -> Path:
    """The authority's certificate, for `ca_file`."""
    path = server_folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def tokens() -> Iterator[TokenEndpoint]:
    with token_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def secure_tokens(authority: trustme.CA) -> Iterator[TokenEndpoint]:
    """A token endpoint by TLS."""
    with token_endpoint(authority.issue_cert("localhost", "127.0.0.1")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dovecot_server(authority: trustme.CA, tokens: TokenEndpoint) -> Iterator[Dovecot]:
    """Debian's IMAP server; tests that ask for it are skipped where it is not installed."""
    if dovecot.program() is None:
        pytest.skip("Dovecot is not installed (apt-get install dovecot-imapd)")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    # pytest's own folders are closed to other users, and this server may run as one.
    with TemporaryDirectory(prefix="waybill-dovecot-") as folder:
        Path(folder).chmod(0o711)
        where = Path(folder) / "dovecot"
        with dovecot.dovecot(where, certificate, tokens.introspection_url) as found:
            yield found


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """A runtime that is built closes what its process makes to others; servers may run as one."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def bigquery_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the emulator of one test file keeps its tables: with every table it gets slower."""
    bypass_proxies()
    return tmp_path_factory.mktemp("bigquery")


@pytest.fixture(scope="session")
def strict_control(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The process of strict fronts: one a test run, whichever xdist worker asks first."""
    bypass_proxies()
    run, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run, owner = run.parent, os.getppid()
    return shared_process(run / "strict", owner)


@pytest.fixture(scope="module")
def emulator_url(bigquery_folder: Path) -> Iterator[str]:
    """The emulator itself."""
    with servers.bigquery(bigquery_folder) as url:
        yield url


@pytest.fixture(scope="module")
def strict_front(emulator_url: str, strict_control: str) -> StrictFront:
    """The emulator behind a front that refuses what the real service refuses."""
    return open_front(strict_control, emulator_url)


@pytest.fixture(scope="module")
def bigquery_url(strict_front: StrictFront) -> str:
    return strict_front.url


@pytest.fixture(autouse=True)
def _datasets_removed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test takes the datasets that it made with it: the emulator asks every table that is there
    whenever it is asked for one, and would take up to half as long again for the last tests."""
    if "bigquery_url" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("bigquery_url")
    with no_dataset_left(request.getfixturevalue("emulator_url")):
        yield


@pytest.fixture(scope="module")
def gcs_url(bigquery_folder: Path) -> Iterator[str]:
    """Google's object storage, where the BigQuery emulator looks for `gs://` addresses."""
    with google_storage(bigquery_folder, bigquery_folder / "gcs") as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    # pytest's own folders are closed to other users, and this server may run as one.
    with TemporaryDirectory(prefix="waybill-postgres-") as folder:
        with postgres(Path(folder)) as url:
            yield url


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """An S3 server in memory, with versioned buckets and a correct listing order."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
