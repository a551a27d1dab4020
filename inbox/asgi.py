"""The ASGI application that uvicorn serves: Django, and beside it the WebSocket of Subscriptions."""

import os
import warnings

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbox.settings")

# WhiteNoise hands Django files, which are read in threads: right, and no reason for a warning at each one.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

django = get_asgi_application()

# It needs the applications, which are there from here on.
from inbox.subscriptions.socket import Endpoint, Receive, Scope, Send  # noqa: E402
from inbox.subscriptions.tokens import PATH  # noqa: E402

sockets = Endpoint()


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
