"""A server for the folder of a web page."""

import threading

import pytest

from alexnet_keras.export import web_server


@pytest.fixture(scope="session")
def serve():
    """Serve a folder, as a generator that yields the server once."""

    def serve(folder):
        with web_server.PageServer(folder, 0) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield server
            server.shutdown()
            thread.join()

    return serve
