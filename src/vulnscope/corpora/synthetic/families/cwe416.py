"""CWE-416, use after free. Here the guard is the release: using the *other* pointer is what is safe."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-416"

TEMPLATES = (
    BoundTemplate(
        id="c-free-bound-text",
        cwe=_CWE,
        language="c",
        names="pointer",
        same_is_fixed=False,
        text="""
void $function(char *$a, char *$b)
{
    <noise>
    <guard>
    <gap>
    <uses>
}
""",
        guard=("free($x);",),
        use=('printf("text %s\\n", $x);', "send_text($x);"),
        spare=("$x = NULL;", "$x = 0;"),
    ),
    BoundTemplate(
        id="c-free-bound-node",
        cwe=_CWE,
        language="c",
        names="pointer",
        same_is_fixed=False,
        text="""
int $function(struct node *$a, struct node *$b)
{
    int result = $k;
    <noise>
    <guard>
    <gap>
    <uses>
    return result;
}
""",
        guard=("free($x);", "node_free($x);"),
        use=("result += $x->size;", "result = $x->id;"),
        spare=("$x = NULL;",),
    ),
    BoundTemplate(
        id="c-free-bound-array",
        cwe=_CWE,
        language="c",
        names="pointer",
        same_is_fixed=False,
        text="""
int $function(size_t len)
{
    int *$a = make_ints(len), *$b = make_ints(len);
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=("free($x);", "pool_free($x);"),
        use=("$x[0] = $k;", "$x[1] += $k;"),
        spare=("$x = NULL;",),
    ),
    BoundTemplate(
        id="c-free-bound-helper",
        cwe=_CWE,
        language="c",
        names="pointer",
        same_is_fixed=False,
        held_out=True,
        text="""
static void drop(struct node *p) { free(p); }

void $function(struct node *$a, struct node *$b)
{
    <guard>
    <gap>
    <uses>
}
""",
        guard=("drop($x);",),
        use=('printf("id %d\\n", $x->id);', "$x->size += $k;"),
        spare=("$x = NULL;", "forget(&$x);"),
    ),
    PlainTemplate(
        id="c-free-plain-order",
        cwe=_CWE,
        language="c",
        text="""
void $function(struct node *$pointer)
{
    <noise>
-    free($pointer);
-    $pointer->size = 0;
+    $pointer->size = 0;
+    free($pointer);
    <noise>
}
""",
    ),
    PlainTemplate(
        id="c-free-plain-copy",
        cwe=_CWE,
        language="c",
        text="""
char *$function(char *$pointer)
{
-    char *out = $pointer;
+    char *out = strdup($pointer);
    <noise>
    free($pointer);
    return out;
}
""",
    ),
    PlainTemplate(
        id="c-free-plain-next",
        cwe=_CWE,
        language="c",
        text="""
void $function(struct node *$pointer)
{
    <noise>
    while ($pointer) {
+        struct node *next = $pointer->next;
        free($pointer);
-        $pointer = $pointer->next;
+        $pointer = next;
    }
}
""",
    ),
)
