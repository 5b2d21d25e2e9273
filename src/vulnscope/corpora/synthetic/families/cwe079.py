"""CWE-79, cross-site scripting: a text from outside becomes part of a page."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-79"

TEMPLATES = (
    BoundTemplate(
        id="py-page-bound-escape",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    $result = "<$tagname>"
    <uses>
    return $result
""",
        guard=("$x = html.escape($x)", "$x = escape($x)"),
        use=("$result += $x", '$result = $result + $x + "</$tagname>"'),
        spare=('log.info("seen " + $x)', "audit.append($x)"),
    ),
    BoundTemplate(
        id="py-page-bound-clean",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function(response, $a, $b):
    <guard>
    <gap>
    <uses>
    return response
""",
        guard=("$x = bleach.clean($x)", '$x = $x.replace("<", "")'),
        use=('response.write(f"<$tagname>{$x}</$tagname>")', 'response.write("<$tagname>" + $x)'),
        spare=("counter.add($x)", 'print("shown", $x)'),
    ),
    BoundTemplate(
        id="py-page-bound-reject",
        cwe=_CWE,
        language="python",
        names="text",
        held_out=True,
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return Response(page)
""",
        guard=('if "<" in $x:\n    abort(400)', "if has_markup($x):\n    abort(400)"),
        use=('page = "<$tagname>%s</$tagname>" % $x',),
        spare=('event = "viewed %s" % $x', "remember($x)"),
    ),
    PlainTemplate(
        id="py-page-plain-escape",
        cwe=_CWE,
        language="python",
        text="""
def $function($text):
    <noise>
-    return "<$tagname>" + $text + "</$tagname>"
+    return "<$tagname>" + html.escape($text) + "</$tagname>"
""",
    ),
    PlainTemplate(
        id="py-page-plain-template",
        cwe=_CWE,
        language="python",
        text="""
def $function(request):
    $text = request.args["$text"]
    <noise>
-    return render_template_string("<$tagname>" + $text + "</$tagname>")
+    return render_template_string("<$tagname>{{ value }}</$tagname>", value=$text)
""",
    ),
    PlainTemplate(
        id="py-page-plain-markup",
        cwe=_CWE,
        language="python",
        text="""
def $function($text):
    <noise>
-    $result = Markup("<$tagname>" + $text + "</$tagname>")
+    $result = Markup("<$tagname>{}</$tagname>").format($text)
    <noise>
    return $result
""",
    ),
)
