"""CWE-787, out-of-bounds write: more is written than the destination holds."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-787"

TEMPLATES = (
    BoundTemplate(
        id="c-write-bound-string",
        cwe=_CWE,
        language="c",
        names="text",
        text="""
int $function(const char *$a, const char *$b)
{
    char out[$size];
    <noise>
    <guard>
    <gap>
    <uses>
    return use_text(out);
}
""",
        guard=("if (strlen($x) >= $size) return -1;", "if ($size <= strlen($x)) return -1;"),
        use=("strcpy(out, $x);", 'sprintf(out, "%s", $x);'),
        spare=('printf("name %s\\n", $x);', "puts($x);"),
    ),
    BoundTemplate(
        id="c-write-bound-index",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
int $function(char *slots, unsigned $a, unsigned $b)
{
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("if ($x >= COUNT) return -1;", "if (!($x < COUNT)) return -1;"),
        use=("slots[$x] = 1;", "slots[$x] |= $k;"),
        spare=('printf("got %u\\n", $x);', "note_part($x);"),
    ),
    BoundTemplate(
        id="c-write-bound-length",
        cwe=_CWE,
        language="c",
        names="number",
        held_out=True,
        text="""
void $function(const char *data, size_t $a, size_t $b)
{
    char box[$size];
    <noise>
    <guard>
    <gap>
    <uses>
    send_bytes(box);
}
""",
        guard=("$x = at_most($x, sizeof box);",),
        use=("memcpy(box, data, $x);", "memmove(box, data, $x);"),
        spare=('printf("want %zu\\n", $x);', "note_size($x);"),
    ),
    BoundTemplate(
        id="c-write-bound-destination",
        cwe=_CWE,
        language="c",
        names="pointer",
        text="""
void $function(const char *data)
{
    char *$a = must_alloc(4), *$b = must_alloc(4);
    <noise>
    <guard>
    <gap>
    <uses>
}
""",
        guard=("$x = must_realloc($x, BIG);", "$x = realloc($x, BIG);"),
        use=("memcpy($x, data, BIG);", "memset($x, 0, BIG);"),
        spare=("$x[0] = 0;", "$x[1] = 'v';"),
    ),
    PlainTemplate(
        id="c-write-plain-copy",
        cwe=_CWE,
        language="c",
        text="""
int $function(const char *$text)
{
    char out[$size];
    <noise>
-    strcpy(out, $text);
+    snprintf(out, sizeof out, "%s", $text);
    return use_text(out);
}
""",
    ),
    PlainTemplate(
        id="c-write-plain-index",
        cwe=_CWE,
        language="c",
        text="""
void $function(int *slots, int len, int $number)
{
    <noise>
-    slots[$number] = $k;
+    if ($number >= 0 && $number < len)
+        slots[$number] = $k;
    <noise>
}
""",
    ),
    PlainTemplate(
        id="c-write-plain-terminator",
        cwe=_CWE,
        language="c",
        text="""
char *$function(const char *$text)
{
-    char *out = malloc(strlen($text));
+    char *out = malloc(strlen($text) + 1);
    <noise>
    if (out)
        strcpy(out, $text);
    return out;
}
""",
    ),
)
