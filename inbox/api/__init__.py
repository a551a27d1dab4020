"""The FHIR REST API: HTTP in, one call of the guarded repository, HTTP out. It speaks FHIR and knows no messaging."""
