"""CWE-89, SQL injection: a value from outside becomes part of a query."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-89"

TEMPLATES = (
    BoundTemplate(
        id="py-sql-bound-quote",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function($handle, $a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return $handle.fetchall()
""",
        guard=("$x = quote_literal($x)", "$x = $handle.literal($x)"),
        use=('$handle.execute("SELECT * FROM $table WHERE $column = " + $x)',),
        spare=('log.info("asked for %s", $x)', 'print("query by", $x)'),
    ),
    BoundTemplate(
        id="py-sql-bound-number",
        cwe=_CWE,
        language="python",
        names="number",
        text="""
def $function($handle, $a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return $handle.fetchone()
""",
        guard=("$x = int($x)", "$x = float($x)"),
        use=(
            '$handle.execute("SELECT $column FROM $table WHERE id = %s" % $x)',
            '$handle.execute(f"SELECT $column FROM $table WHERE id = {$x}")',
        ),
        spare=('log.info("id %s" % $x)', 'print(f"id {$x}")'),
    ),
    BoundTemplate(
        id="py-sql-bound-column",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function($handle, $a, $b):
    <guard>
    <gap>
    <uses>
    return list($handle)
""",
        guard=('if $x not in COLUMNS:\n    raise KeyError("column")',),
        use=('$handle.execute("SELECT * FROM $table ORDER BY " + $x)',),
        spare=("recent.append($x)", 'log.info("order " + $x)'),
    ),
    BoundTemplate(
        id="py-sql-bound-digits",
        cwe=_CWE,
        language="python",
        names="number",
        held_out=True,
        text="""
def $function($handle, $a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    $handle.commit()
""",
        guard=("if not $x.isdigit():\n    return None",),
        use=('$handle.execute("DELETE FROM $table WHERE id = " + $x)',),
        spare=('print("request for " + $x)', "seen.add($x)"),
    ),
    PlainTemplate(
        id="py-sql-plain-parameter",
        cwe=_CWE,
        language="python",
        text="""
def $function($handle, $text):
    <noise>
-    $handle.execute("SELECT * FROM $table WHERE $column = '" + $text + "'")
+    $handle.execute("SELECT * FROM $table WHERE $column = ?", ($text,))
    <noise>
    return $handle.fetchall()
""",
    ),
    PlainTemplate(
        id="py-sql-plain-format",
        cwe=_CWE,
        language="python",
        text="""
def $function($handle, $text, $number):
    <noise>
-    query = f"UPDATE $table SET $column = '{$text}' WHERE id = {$number}"
-    $handle.execute(query)
+    query = "UPDATE $table SET $column = %s WHERE id = %s"
+    $handle.execute(query, ($text, $number))
    $handle.commit()
""",
    ),
)
