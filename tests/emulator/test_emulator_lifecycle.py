"""Starting, stopping, and the time in between."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest
from emulator_client import PATH, Client, serving

from boxdocgen_explore.emulator import Emulator, Enterprise, serve


def small() -> Enterprise:
    return Enterprise.of({"1001": 5})


def test_it_listens_on_loopback_where_it_is_told_and_says_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with Emulator(port, enterprise=small()) as emulator:
        assert emulator.port == port
        assert emulator.url == f"http://127.0.0.1:{port}/2.0"
        with pytest.raises(OSError, match="in use"):
            Emulator(port, enterprise=small()).start()
    with pytest.raises(ValueError, match="0 to 65535"):
        Emulator(65_536)


def test_stopping_twice_and_starting_twice_do_no_harm() -> None:
    emulator = Emulator(enterprise=small())
    emulator.stop()
    assert emulator.start() is emulator.start()
    port = emulator.port
    emulator.stop()
    emulator.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


def test_it_can_be_started_again() -> None:
    emulator = Emulator(enterprise=small())
    for _ in range(2):
        with emulator:
            client = Client(emulator)
            with client.session:
                assert len(client.jobs(PATH)) == 5
    assert len(emulator.calls) == 2


@pytest.mark.parametrize("fault", ["slow", "silent"])
def test_stopping_ends_the_calls_that_hang(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    outcome: list[BaseException | None] = []

    def hang(client: Client) -> None:
        try:
            client.ask(PATH)
        except Exception as error:
            outcome.append(error)

    with serving(enterprise=small()) as client:
        emulator = client.emulator
        emulator.fault(fault, **({"seconds": 3600} if fault == "slow" else {}))
        thread = threading.Thread(target=hang, args=[client])
        thread.start()
        while not emulator.calls:
            thread.join(0.01)
        emulator.stop()
        thread.join(20)

    assert not thread.is_alive()
    assert len(outcome) == 1
    assert caplog.records == []


def test_many_clients_are_served_side_by_side() -> None:
    counts: list[int] = []

    def read(emulator: Emulator) -> None:
        client = Client(emulator)
        with client.session:
            counts.append(len(client.jobs(PATH, limit=7)))

    with Emulator(enterprise=Enterprise.of({"1001": 50})) as emulator:
        threads = [threading.Thread(target=read, args=[emulator]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = emulator.calls

    assert counts == [50] * 8
    assert len(calls) == 8 * 8


def test_it_never_keeps_the_process_alive_and_says_nothing() -> None:
    program = "from boxdocgen_explore.emulator import Emulator; Emulator().start()"

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_serving_calls_back_once_it_listens_and_ends_when_it_is_stopped() -> None:
    seen: list[int] = []

    def started(emulator: Emulator) -> None:
        client = Client(emulator)
        with client.session:
            seen.append(client.ask("/users/me").status_code)
        threading.Thread(target=emulator.stop).start()

    serve(faults=["500:path=/users/me"], started=started)

    assert seen == [500]


def test_serving_ends_quietly_when_it_is_interrupted() -> None:
    def started(emulator: Emulator) -> None:
        emulators.append(emulator)
        raise KeyboardInterrupt

    emulators: list[Emulator] = []
    serve(started=started)

    with pytest.raises(RuntimeError, match="not running"):
        _ = emulators[0].port


def test_serving_refuses_a_fault_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="No fault is called"):
        serve(faults=["nonsense"])
