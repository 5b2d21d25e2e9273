"""CWE-125, out-of-bounds read: an index, a length or a missing terminator leads past the end of a buffer."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-125"

TEMPLATES = (
    BoundTemplate(
        id="c-read-bound-index",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
int $function(const int *values, unsigned $a, unsigned $b)
{
    int result = $k;
    <noise>
    <guard>
    <gap>
    <uses>
    return result;
}
""",
        guard=("if ($x >= COUNT) return -1;", "if (!($x < COUNT)) return -1;"),
        use=("result += values[$x];", "result = result + values[$x];"),
        spare=('printf("got %u\\n", $x);', "result += mix($x);"),
    ),
    BoundTemplate(
        id="c-read-bound-length",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
int $function(int fd, const char *data, size_t $a, size_t $b)
{
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("if ($x > DATA_LEN) return -1;", "if (DATA_LEN < $x) return -1;"),
        use=("write(fd, data, $x);", "fwrite(data, 1, $x, stdout);"),
        spare=('printf("got %zu\\n", $x);', "note_size($x);"),
    ),
    BoundTemplate(
        id="c-read-bound-clamp",
        cwe=_CWE,
        language="c",
        names="number",
        text="""
char $function(const char *bytes, int len, unsigned $a, unsigned $b)
{
    char last = bytes[0];
    <noise>
    <guard>
    <gap>
    <uses>
    return last;
}
""",
        guard=("$x = clamp($x, len);", "$x = $x % len;"),
        use=("last = bytes[$x];", "last ^= bytes[$x];"),
        spare=('printf("at %u\\n", $x);', "mark($x);"),
    ),
    BoundTemplate(
        id="c-read-bound-terminate",
        cwe=_CWE,
        language="c",
        names="pointer",
        held_out=True,
        text="""
int $function(int fd)
{
    char $a[$size], $b[$size];
    fill(fd, $a, $b);
    <noise>
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("$x[$size - 1] = 0;", "$x[$size - 1] = '\\0';"),
        use=("puts($x);", 'printf("text %s\\n", $x);'),
        spare=("putchar($x[0]);", "note_byte($x[1]);"),
    ),
    PlainTemplate(
        id="c-read-plain-index",
        cwe=_CWE,
        language="c",
        text="""
int $function(const int *values, int len, int $number)
{
    <noise>
-    if ($number < 0)
+    if ($number < 0 || $number >= len)
        return -1;
    return values[$number];
}
""",
    ),
    PlainTemplate(
        id="c-read-plain-loop",
        cwe=_CWE,
        language="c",
        text="""
long $function(const long *values, int $number)
{
    long total = $k;
    <noise>
-    for (int at = 0; at <= $number; at++)
+    for (int at = 0; at < $number; at++)
        total += values[at];
    return total;
}
""",
    ),
    PlainTemplate(
        id="c-read-plain-length",
        cwe=_CWE,
        language="c",
        held_out=True,
        text="""
int $function(const unsigned char *packet, size_t len, char *out)
{
    size_t $number = packet[0];
    <noise>
+    if ($number > len)
+        return -1;
    memcpy(out, packet, $number);
    return 0;
}
""",
    ),
)
