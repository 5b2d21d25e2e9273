"""Twins to fill a fabricated report with: (CWE, language, vulnerable, fixed); NAME becomes a function name."""

from __future__ import annotations

from textwrap import dedent

_SQL = """
import sqlite3


def NAME(path, user_name, limit=20):
    \"\"\"Orders of one customer, newest first.\"\"\"
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        cursor = connection.cursor()
        EXECUTE
        rows = cursor.fetchall()
    finally:
        connection.close()
    return [dict(row) for row in rows]
"""
_PATH = """
import os
from flask import Flask, abort, request, send_file

app = Flask(__name__)
ROOT = "/srv/reports"


@app.route("/report")
def NAME():
    name = request.args.get("name", "")
    if not name:
        abort(400)
    path = os.path.join(ROOT, name)
CHECK    if not os.path.isfile(path):
        abort(404)
    return send_file(path)
"""
_FREE = """
#include <stdlib.h>
#include <string.h>

struct session {
    char *token;
    size_t length;
    int is_open;
};

int NAME(struct session *s, const char *reason)
{
    int status = 0;
    if (s == NULL)
        return -1;
    s->is_open = 0;
ORDER    return status;
}
"""
_COPY = """
#include <stdio.h>
#include <string.h>

#define MAX_FIELD 64

/* Copies one header field and its terminator. */
int NAME(char *out, const char *field, unsigned int n)
{
    char buffer[MAX_FIELD];
    unsigned int i;

    if (CONDITION)
        return -1;
    for (i = 0; i < n; i++)
        buffer[i] = field[i];
    buffer[n] = '\\0';
    memcpy(out, buffer, n + 1);
    return (int)n;
}
"""


def _twin(cwe: str, language: str, text: str, slot: str, vulnerable: str, fixed: str) -> tuple[str, str, str, str]:
    before, after = (dedent(text).lstrip("\n").replace(slot, part) for part in (vulnerable, fixed))
    return cwe, language, before, after


TWINS: tuple[tuple[str, str, str, str], ...] = (
    _twin(
        "CWE-89",
        "python",
        _SQL,
        "EXECUTE",
        "cursor.execute(f\"SELECT * FROM orders WHERE owner = '{user_name}' ORDER BY day DESC LIMIT {limit}\")",
        'cursor.execute("SELECT * FROM orders WHERE owner = ? ORDER BY day DESC LIMIT ?", (user_name, limit))',
    ),
    _twin(
        "CWE-22",
        "python",
        _PATH,
        "CHECK",
        "",
        "    path = os.path.realpath(path)\n    if os.path.commonpath([ROOT, path]) != ROOT:\n        abort(403)\n",
    ),
    _twin(
        "CWE-416",
        "c",
        _FREE,
        "ORDER",
        "    free(s->token);\n    if (reason != NULL)\n        status = (int)strlen(s->token);\n    s->token = NULL;\n",
        "    if (reason != NULL)\n        status = (int)strlen(s->token);\n    free(s->token);\n    s->token = NULL;\n",
    ),
    _twin("CWE-787", "c", _COPY, "CONDITION", "n > MAX_FIELD", "n >= MAX_FIELD"),
)
