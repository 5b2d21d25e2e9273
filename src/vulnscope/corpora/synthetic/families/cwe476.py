"""CWE-476, NULL pointer dereference: a pointer that may be NULL is used unchecked."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-476"

TEMPLATES = (
    BoundTemplate(
        id="c-null-bound-field",
        cwe=_CWE,
        language="c",
        names="pointer",
        text="""
int $function(struct node *$a, struct node *$b)
{
    <noise>
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("if (!$x) return -1;", "if ($x == NULL) return -1;"),
        use=("$x->size = $k;", "$x->id += $k;"),
        spare=("note_pointer($x);", 'printf("at %p\\n", (void *)$x);'),
    ),
    BoundTemplate(
        id="c-null-bound-environment",
        cwe=_CWE,
        language="c",
        names="text",
        text="""
size_t $function(void)
{
    const char *$a = getenv("HOME"), *$b = getenv("SHELL");
    size_t len = $k;
    <guard>
    <gap>
    <uses>
    return len;
}
""",
        guard=("if (!$x) return 0;", "if ($x == NULL) return 0;"),
        use=("len += strlen($x);", "len += (size_t)$x[0];"),
        spare=("note_pointer($x);", 'printf("at %p\\n", (void *)$x);'),
    ),
    BoundTemplate(
        id="c-null-bound-allocated",
        cwe=_CWE,
        language="c",
        names="pointer",
        held_out=True,
        text="""
int $function(void)
{
    int *$a = make_ints($size), *$b = make_ints($size);
    <noise>
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("if ($x == NULL) return -1;",),
        use=("$x[0] = $k;", "*$x = $k;"),
        spare=("free($x);", "keep($x);"),
    ),
    PlainTemplate(
        id="c-null-plain-malloc",
        cwe=_CWE,
        language="c",
        text="""
char *$function(size_t len)
{
    <noise>
    char *$pointer = malloc(len + $k);
+    if ($pointer == NULL)
+        return NULL;
    $pointer[0] = 'v';
    <noise>
    return $pointer;
}
""",
    ),
    PlainTemplate(
        id="c-null-plain-file",
        cwe=_CWE,
        language="c",
        text="""
int $function(const char *$path)
{
    FILE *fp = fopen($path, "r");
    <noise>
-    return fgetc(fp);
+    return fp ? fgetc(fp) : -1;
}
""",
    ),
    PlainTemplate(
        id="c-null-plain-field",
        cwe=_CWE,
        language="c",
        text="""
int $function(struct node *$pointer)
{
    <noise>
-    if ($pointer->size > $k)
+    if ($pointer && $pointer->size > $k)
        return 1;
    return 0;
}
""",
    ),
)
