"""CWE-190, integer overflow: a product or sum of a number from outside wraps around."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-190"

TEMPLATES = (
    BoundTemplate(
        id="c-overflow-bound-product",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
void *$function(size_t $a, size_t $b)
{
    void *out = NULL;
    <noise>
    <guard>
    <gap>
    <uses>
    return out;
}
""",
        guard=("if ($x > SIZE_MAX / $size) return NULL;", "if (SIZE_MAX / $size < $x) return NULL;"),
        use=("out = malloc($x * $size);", "out = realloc(out, $x * $size);"),
        spare=('printf("ask %zu\\n", $x);', "note_size($x);"),
    ),
    BoundTemplate(
        id="c-overflow-bound-sum",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
int $function(int $a, int $b)
{
    int total = $k;
    <guard>
    <gap>
    <uses>
    return total;
}
""",
        guard=("if ($x > INT_MAX - $size) return -1;", "if ($x > $size) return -1;"),
        use=("total = $x + $size;",),
        spare=('printf("sum of %d\\n", $x);', "total = total ^ $x;"),
    ),
    BoundTemplate(
        id="c-overflow-bound-cap",
        cwe=_CWE,
        language="c",
        names="number",
        held_out=True,
        text="""
unsigned $function(unsigned $a, unsigned $b)
{
    unsigned bytes = 0;
    <noise>
    <guard>
    <gap>
    <uses>
    return bytes;
}
""",
        guard=("$x = at_most($x, CAP);", "$x = $x & 0xff;"),
        use=("bytes = $x * 4096u;", "bytes = 65536u * $x;"),
        spare=('printf("part %u\\n", $x);', "note_part($x);"),
    ),
    PlainTemplate(
        id="c-overflow-plain-calloc",
        cwe=_CWE,
        language="c",
        text="""
int *$function(size_t $number)
{
    <noise>
-    int *out = malloc($number * sizeof(int));
+    int *out = calloc($number, sizeof(int));
    <noise>
    return out;
}
""",
    ),
    PlainTemplate(
        id="c-overflow-plain-check",
        cwe=_CWE,
        language="c",
        text="""
unsigned $function(unsigned $number, unsigned $number2)
{
    <noise>
+    if ($number > UINT_MAX - $number2)
+        return 0;
    return $number + $number2;
}
""",
    ),
    PlainTemplate(
        id="c-overflow-plain-wide",
        cwe=_CWE,
        language="c",
        text="""
uint64_t $function(uint32_t $number, uint32_t $number2)
{
    <noise>
-    uint64_t area = $number * $number2;
+    uint64_t area = (uint64_t)$number * $number2;
    <noise>
    return area;
}
""",
    ),
)
