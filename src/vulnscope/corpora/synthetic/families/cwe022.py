"""CWE-22, path traversal: a name from outside becomes part of a path."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-22"

TEMPLATES = (
    BoundTemplate(
        id="py-path-bound-basename",
        cwe=_CWE,
        language="python",
        names="path",
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=("$x = os.path.basename($x)", "$x = secure_filename($x)"),
        use=("$result = open($base + $x).read()", "$result = open(os.path.join($base, $x)).read()"),
        spare=('log.info("asked for %s", $x)', 'print("wanted", $x)'),
    ),
    BoundTemplate(
        id="py-path-bound-reject",
        cwe=_CWE,
        language="python",
        names="path",
        text="""
def $function($a, $b):
    <guard>
    <gap>
    $result = []
    <uses>
    return $result
""",
        guard=('if ".." in $x:\n    raise ValueError("bad path")', 'if "/" in $x:\n    raise ValueError("bad path")'),
        use=("$result.append(send_file($base + $x))", "$result.append(open($base + $x).read())"),
        spare=("$result.append(len($x))", "$result.append($x.title())"),
    ),
    BoundTemplate(
        id="py-path-bound-within",
        cwe=_CWE,
        language="python",
        names="path",
        held_out=True,
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
""",
        guard=('if not is_within($base, $x):\n    raise PermissionError("outside")',),
        use=("os.remove(os.path.join($base, $x))", "shutil.rmtree($base / $x)"),
        spare=("seen.append($x)", 'print("removed", $x)'),
    ),
    BoundTemplate(
        id="c-path-bound-separator",
        cwe=_CWE,
        language="c",
        names="path",
        text="""
int $function(const char *$a, const char *$b)
{
    <noise>
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("if (strchr($x, '/')) return -1;", 'if (strpbrk($x, "./")) return -1;'),
        use=('FILE *fp = fopen($x, "r");', "int fd = open($x, O_RDONLY);"),
        spare=('printf("name %s\\n", $x);', "puts($x);"),
    ),
    PlainTemplate(
        id="py-path-plain-basename",
        cwe=_CWE,
        language="python",
        text="""
def $function($path):
    <noise>
-    with open(os.path.join($base, $path)) as handle:
+    with open(os.path.join($base, os.path.basename($path))) as handle:
        return handle.read()
""",
    ),
    PlainTemplate(
        id="py-path-plain-relative",
        cwe=_CWE,
        language="python",
        text="""
def $function($path):
    <noise>
    $result = ($base / $path).resolve()
+    if not $result.is_relative_to($base):
+        raise PermissionError($path)
    <noise>
    return $result.read_bytes()
""",
    ),
    PlainTemplate(
        id="c-path-plain-dotdot",
        cwe=_CWE,
        language="c",
        held_out=True,
        text="""
FILE *$function(const char *$path)
{
    char full[256];
    <noise>
+    if (strstr($path, ".."))
+        return NULL;
    snprintf(full, sizeof full, "/srv/%s", $path);
    return fopen(full, "r");
}
""",
    ),
)
