"""What a Subscription has besides reading and writing: the token for its WebSocket."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.subscriptions import tokens

from .base import FHIRView


class BindingToken(FHIRView):
    """`/Subscription/1/$get-ws-binding-token`, for whoever may read the Subscription.

    Source: https://hl7.org/fhir/R5/subscription-operation-get-ws-binding-token.html
    """

    def get(self, request: Request, id: str) -> Response:
        self.no_parameters()
        return Response(tokens.issue(self.repo, id))


urlpatterns = [path("fhir/R4/Subscription/<str:id>/$get-ws-binding-token", BindingToken.as_view())]
