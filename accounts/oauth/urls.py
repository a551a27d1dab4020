"""Where clients log in, under the names by which allauth looks for them. None ends in a slash and none redirects."""

from allauth.idp.oidc.views import jwks
from django.urls import include, path

from . import views
from .authorize import Authorize

endpoints = [
    path("oauth2/authorize", Authorize.as_view(), name="authorization"),
    path("oauth2/token", views.Token.as_view(), name="token"),
    path("oauth2/revoke", views.Revoke.as_view(), name="revoke"),
    path("oauth2/userinfo", views.UserInfo.as_view(), name="userinfo"),
    path("oauth2/logout", views.Logout.as_view(), name="end"),
    path(".well-known/openid-configuration", views.configuration, name="configuration"),
    path(".well-known/jwks.json", jwks, name="jwks"),
]

urlpatterns = [
    path("", include(([path("", include((endpoints, "oidc")))], "idp"))),
    path("auth/me", views.Me.as_view(), name="me"),
]
