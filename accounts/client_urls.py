"""The pages for machine clients."""

from django.urls import path

from . import client_views

urlpatterns = [
    path("", client_views.index, name="clients"),
    path("new/", client_views.new, name="client-new"),
    path("<str:client_id>/", client_views.show, name="client"),
    path("<str:client_id>/secret/", client_views.rotate, name="client-secret"),
    path("<str:client_id>/close/", client_views.close, name="client-close"),
    path("<str:client_id>/reopen/", client_views.reopen, name="client-reopen"),
    path("<str:client_id>/tokens/<int:token>/", client_views.revoke, name="client-token"),
]
