"""CWE-78, command injection: a word from outside becomes part of a shell command."""

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate

_CWE = "CWE-78"

TEMPLATES = (
    BoundTemplate(
        id="py-command-bound-quote",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
""",
        guard=("$x = shlex.quote($x)", "$x = quote($x)"),
        use=('os.system("$tool " + $x)', 'subprocess.run("$tool " + $x, shell=True)'),
        spare=('log.info("done " + $x)', 'print("done", $x)'),
    ),
    BoundTemplate(
        id="py-command-bound-allowed",
        cwe=_CWE,
        language="python",
        names="text",
        text="""
def $function($a, $b):
    <noise>
    <guard>
    <gap>
    <uses>
    return True
""",
        guard=('if $x not in ALLOWED:\n    raise ValueError("refused")',),
        use=('os.popen("$tool -a " + $x)', 'subprocess.call(f"$tool {$x}", shell=True)'),
        spare=("history.append($x)", 'print(f"ran {$x}")'),
    ),
    BoundTemplate(
        id="py-command-bound-match",
        cwe=_CWE,
        language="python",
        names="text",
        held_out=True,
        text="""
def $function($a, $b):
    <guard>
    <gap>
    <uses>
    return $k
""",
        guard=('if not re.fullmatch("[a-z0-9]+", $x):\n    return None',),
        use=('$result = subprocess.getoutput("$tool " + $x)', 'os.system("$tool %s" % $x)'),
        spare=('$result2 = "label " + $x', 'log.info("label %s" % $x)'),
    ),
    BoundTemplate(
        id="c-command-bound-meta",
        cwe=_CWE,
        language="c",
        names="text",
        text="""
int $function(const char *$a, const char *$b)
{
    char cmd[200];
    <noise>
    <guard>
    <gap>
    <uses>
    return system(cmd);
}
""",
        guard=('if (strpbrk($x, ";&|`$$\\n")) return -1;', "if (!is_word($x)) return -1;"),
        use=('snprintf(cmd, sizeof cmd, "$tool %s", $x);',),
        spare=('printf("name %s\\n", $x);', "puts($x);"),
    ),
    PlainTemplate(
        id="py-command-plain-list",
        cwe=_CWE,
        language="python",
        text="""
def $function($text):
    <noise>
-    return subprocess.run("$tool " + $text, shell=True)
+    return subprocess.run(["$tool", $text])
""",
    ),
    PlainTemplate(
        id="py-command-plain-quote",
        cwe=_CWE,
        language="python",
        held_out=True,
        text="""
def $function($text, $text2):
    <noise>
-    line = "$tool " + $text
+    line = "$tool " + shlex.quote($text)
    <noise>
    os.system(line)
    return $text2
""",
    ),
    PlainTemplate(
        id="c-command-plain-exec",
        cwe=_CWE,
        language="c",
        text="""
int $function(const char *$text)
{
    <noise>
-    char cmd[128];
-    snprintf(cmd, sizeof cmd, "$tool %s", $text);
-    return system(cmd);
+    return execlp("$tool", "$tool", $text, (char *)NULL);
}
""",
    ),
)
