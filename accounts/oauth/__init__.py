"""Login for machines and apps: OAuth2 by allauth, answers as FHIR clients read them."""
