"""The addresses of the API. None ends in a slash and none redirects."""

from django.urls import path, re_path

from . import binary, bots, metadata, resources, root, schedules, subscriptions, validation

TYPE, ID = "<str:type>", "<str:id>"
FILE = {"type": "Binary"}

urlpatterns = [
    path("fhir/R4", root.Root.as_view(), name="fhir"),
    path("fhir/R4/metadata", metadata.Metadata.as_view()),
    *bots.urlpatterns,
    *schedules.urlpatterns,
    *subscriptions.urlpatterns,
    path("fhir/R4/Binary", binary.Files.as_view(), FILE),
    re_path(r"^fhir/R4/Binary/(?P<id>[A-Za-z0-9.-]{1,64})$", binary.File.as_view(), FILE),
    path(f"fhir/R4/Binary/{ID}/_history/<str:version>", binary.FileVersion.as_view(), FILE),
    path(f"fhir/R4/{TYPE}/$validate", validation.Validate.as_view()),
    path(f"fhir/R4/{TYPE}/{ID}/$validate", validation.Validate.as_view()),
    path(f"fhir/R4/{TYPE}/_search", resources.Search.as_view()),
    path(f"fhir/R4/{TYPE}/_history", resources.TypeHistory.as_view()),
    path(f"fhir/R4/{TYPE}/{ID}/_history", resources.History.as_view()),
    path(f"fhir/R4/{TYPE}/{ID}/_history/<str:version>", resources.Version.as_view()),
    re_path(r"^fhir/R4/(?P<type>[A-Za-z]+)$", resources.Type.as_view()),
    re_path(r"^fhir/R4/(?P<type>[A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})$", resources.Instance.as_view()),
    re_path(r"^fhir(?:/|$)", root.Nowhere.as_view()),
]
