"""FHIRPath for the write constraints of policies: nothing but what is understood to the last character."""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import fhirpathpy
from antlr4 import CommonTokenStream, InputStream, Token  # type: ignore[import-untyped]
from antlr4.error.ErrorListener import ErrorListener  # type: ignore[import-untyped]
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

from . import outcome, shortcuts

log = logging.getLogger(__name__)


@cache
def check(text: str) -> None:
    """Raise Invalid for what is not one whole FHIRPath expression: the library would read the beginning only."""
    try:
        lexer = FHIRPathLexer(InputStream(text))
        tokens = CommonTokenStream(lexer)
        parser = FHIRPathParser(tokens)
        for one in (lexer, parser):
            one.removeErrorListeners()
            one.addErrorListener(_Strict())
        parser.expression()
        if tokens.LA(1) != Token.EOF:
            raise ValueError(tokens.LT(1).text)
    except ValueError as error:
        raise outcome.Invalid(f"“{text}” is not FHIRPath: {error}") from error


def holds(text: str, variables: Mapping[str, Any]) -> bool:
    """Whether an expression is true for these variables; false, empty and what can not be computed are not."""
    try:
        return _computed(text, variables) == [True]
    except Exception as error:  # the library's own errors are many
        log.warning("A write constraint can not be computed: %s (%s)", text, type(error).__name__)
        return False


def _computed(text: str, variables: Mapping[str, Any]) -> list[Any]:
    quick = _shortcut(text)
    if quick is not None:
        try:
            return quick(variables)
        except shortcuts.Unsure:
            pass
    return _compiled(text)({}, variables)


class _Strict(ErrorListener):  # type: ignore[misc]
    def syntaxError(self, recognizer: Any, symbol: Any, line: int, column: int, text: str, error: Any) -> None:
        raise ValueError(text)


_shortcut = cache(shortcuts.shortcut)


@cache
def _compiled(text: str) -> Callable[[Any, Mapping[str, Any]], list[Any]]:
    compiled: Callable[[Any, Mapping[str, Any]], list[Any]] = fhirpathpy.compile(text)
    return compiled
