"""The demo clinic: FHIR files, made by `generate.py` from the texts in `dialogues/`, and how they become a clinic."""
