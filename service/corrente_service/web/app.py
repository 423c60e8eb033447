"""What is served over HTTP: liveness, readiness, metrics.

Every answer asks the daemon anew, so that a daemon that was restarted is found again.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from corrente import CorrenteError, status
from corrente_service.web import metrics

ANSWER_S = 2.0
"""How long the daemon may take to answer before it counts as not ready."""


def create_app(address: str) -> Starlette:
    """The application for the daemon at that address."""

    def livez(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    def readyz(_request: Request) -> Response:
        try:
            is_ready = status(address, ANSWER_S)["ready"]
        except CorrenteError as error:
            return PlainTextResponse(f"not ready: {error}\n", 503)
        return PlainTextResponse("ready\n") if is_ready else PlainTextResponse("stopping\n", 503)

    def show_metrics(_request: Request) -> Response:
        try:
            report = status(address, ANSWER_S)
        except CorrenteError as error:
            return PlainTextResponse(f"# the daemon does not answer: {error}\n", 503)
        return Response(metrics.text(report), media_type=metrics.MEDIA_TYPE)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", show_metrics),
        ]
    )
