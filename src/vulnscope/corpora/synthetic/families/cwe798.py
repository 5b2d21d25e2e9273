"""CWE-798, hard-coded credentials: the secret that opens the door stands in the source."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-798"

TEMPLATES = (
    BoundTemplate(
        id="py-secret-bound-environment",
        cwe=_CWE,
        language="python",
        names="secret",
        text="""
def $function(client, $a="$opaque", $b="$opaque2"):
    <noise>
    <guard>
    <gap>
    <uses>
    return client
""",
        guard=('$x = os.environ["APP_KEY"]', '$x = os.getenv("APP_KEY")'),
        use=('client.login("admin", $x)', "client.connect(password=$x)"),
        spare=("client.set_label($x)", "client.describe(name=$x)"),
    ),
    BoundTemplate(
        id="py-secret-bound-file",
        cwe=_CWE,
        language="python",
        names="secret",
        text="""
def $function(message, $a="$opaque", $b="$opaque2"):
    <guard>
    <gap>
    <uses>
    return $result
""",
        guard=('$x = open("/run/secrets/$service").read()', '$x = keyring.get("$service")'),
        use=("$result = hmac.new($x, message)", "$result = jwt.encode(message, $x)"),
        spare=("version = tag_of($x)", "known.append($x)"),
    ),
    BoundTemplate(
        id="py-secret-bound-prompt",
        cwe=_CWE,
        language="python",
        names="secret",
        held_out=True,
        text="""
def $function(host, $a="$opaque", $b="$opaque2"):
    <noise>
    <guard>
    <gap>
    <uses>
    return host
""",
        guard=('$x = getpass("$service: ")', "$x = vault.read($k)"),
        use=("ssh.connect(host, password=$x)", 'smtp.login("root", $x)'),
        spare=('print("label", $x)', "labels.append($x)"),
    ),
    BoundTemplate(
        id="c-secret-bound-environment",
        cwe=_CWE,
        language="c",
        names="secret",
        text="""
int $function(void)
{
    const char *$a = "$opaque", *$b = "$opaque2";
    <noise>
    <guard>
    <gap>
    <uses>
    return 0;
}
""",
        guard=('$x = getenv("APP_KEY");', '$x = read_secret("$service");'),
        use=('log_in("admin", $x);', "unlock($k, $x);"),
        spare=("set_label($k, $x);", 'describe("$service", $x);'),
    ),
    PlainTemplate(
        id="py-secret-plain-environment",
        cwe=_CWE,
        language="python",
        text="""
def $function(host):
    <noise>
-    $secret = "$opaque"
+    $secret = os.environ["APP_KEY"]
    <noise>
    return connect(host, $secret)
""",
    ),
    PlainTemplate(
        id="py-secret-plain-argument",
        cwe=_CWE,
        language="python",
        text="""
-def $function(client):
+def $function(client, $secret):
    <noise>
-    client.login("admin", "$opaque")
+    client.login("admin", $secret)
    return client
""",
    ),
    PlainTemplate(
        id="c-secret-plain-environment",
        cwe=_CWE,
        language="c",
        text="""
int $function(const char *guess)
{
    <noise>
-    const char *$secret = "$opaque";
+    const char *$secret = getenv("APP_KEY");
    return $secret && strcmp(guess, $secret) == 0;
}
""",
    ),
)
