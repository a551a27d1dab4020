"""The ASGI application that uvicorn serves: Django, and beside it the WebSocket of Subscriptions."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.asgi import get_asgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbox.settings")

# WhiteNoise hands Django files, which are read in threads: right, and no reason for a warning at each one.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

django = get_asgi_application()

# It needs the applications, which are there from here on.
from inbox.subscriptions.socket import Endpoint, Receive, Scope, Send  # noqa: E402
from inbox.subscriptions.tokens import PATH  # noqa: E402

sockets = Endpoint()


def _opened() -> list[Any]:
    """A connection to each SQLite file."""
    found = [one.get_new_connection(one.get_connection_params()) for one in connections.all() if one.vendor == "sqlite"]
    for one in found:
        one.execute("SELECT count(*) FROM sqlite_master")
    return found


# Every request opens connections of its own. When the last one is closed, SQLite folds its log into the file and waits
# for the disk; so one is kept open, and nobody uses it. Django opens none where an event loop runs, hence the thread.
with ThreadPoolExecutor(1) as _aside:
    kept_open = _aside.submit(_opened).result()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand each connection to whom it is for."""
    if scope["type"] == "http":
        await django(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["path"].removeprefix(scope.get("root_path", "")) == PATH:
        await sockets(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


async def _live(receive: Receive, send: Send) -> None:
    """Begin and end with the server."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    sockets.hub.stop()
    await send({"type": "lifespan.shutdown.complete"})
