"""CWE-502, deserialisation of untrusted data: bytes from outside become objects."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-502"

TEMPLATES = (
    BoundTemplate(
        id="py-pickle-bound-verified",
        cwe=_CWE,
        language="python",
        names="blob",
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=(
            'if not is_signed($x):\n    raise ValueError("forged")',
            'if digest($x) != EXPECTED:\n    raise ValueError("forged")',
        ),
        use=("$result = pickle.loads($x)", "$result = dill.loads($x)"),
        spare=("archive.append($x)", 'print("size", len($x))'),
    ),
    BoundTemplate(
        id="py-pickle-bound-source",
        cwe=_CWE,
        language="python",
        names="blob",
        text="""
def $function(request):
    $a, $b = request.files
    <noise>
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=('$x = read_packaged("defaults.bin")', '$x = (HERE / "defaults.bin").read_bytes()'),
        use=("$result = pickle.loads($x)", "$result = marshal.loads($x)"),
        spare=("archive.append($x)", 'print("size", len($x))'),
    ),
    BoundTemplate(
        id="py-yaml-bound-loader",
        cwe=_CWE,
        language="python",
        names="blob",
        text="""
def $function(stream, $a=yaml.Loader, $b=yaml.Loader):
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=("$x = yaml.SafeLoader", "$x = yaml.CSafeLoader"),
        use=("$result = yaml.load(stream, Loader=$x)", "$result = yaml.load(stream, $x)"),
        spare=("registry.append($x)", 'print("known", $x)'),
    ),
    BoundTemplate(
        id="py-pickle-bound-trusted",
        cwe=_CWE,
        language="python",
        names="path",
        held_out=True,
        text="""
def $function($a, $b):
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=("if $x not in TRUSTED:\n    return None",),
        use=("$result = joblib.load($x)", '$result = pickle.load(open($x, "rb"))'),
        spare=("recent.append($x)", 'print("source", $x)'),
    ),
    PlainTemplate(
        id="py-pickle-plain-json",
        cwe=_CWE,
        language="python",
        text="""
def $function($blob):
    <noise>
-    $result = pickle.loads($blob)
+    $result = json.loads($blob)
    <noise>
    return $result
""",
    ),
    PlainTemplate(
        id="py-yaml-plain-safe",
        cwe=_CWE,
        language="python",
        held_out=True,
        text="""
def $function($path):
    <noise>
    with open($path) as stream:
-        return yaml.load(stream, Loader=yaml.Loader)
+        return yaml.safe_load(stream)
""",
    ),
    PlainTemplate(
        id="py-pickle-plain-digest",
        cwe=_CWE,
        language="python",
        text="""
def $function($blob, tag):
    <noise>
+    if not hmac.compare_digest(sign($blob), tag):
+        raise ValueError("forged")
    return pickle.loads($blob)
""",
    ),
)
