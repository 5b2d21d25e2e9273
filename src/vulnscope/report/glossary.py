"""The words of the report, explained to a reader who knows no signal detection theory."""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """A word, its one-line explanation (the tooltip), and what else the glossary says."""

    name: str
    short: str
    more: str = ""


GLOSSARY: dict[str, Term] = {
    "pair": Term(
        "Pair, twins",
        "A vulnerable piece of code and its fixed version: the same unit, as little changed as possible.",
        "Everything but the flaw is equal, so a model that tells the twins apart has noticed the flaw, "
        "and one that only knows the style of the project has not.",
    ),
    "margin": Term(
        "Margin",
        "How strongly the model leans to “vulnerable”, in nats: above 0 towards vulnerable, below 0 towards secure.",
        "Each sample is asked twice, “is it vulnerable?” and “is it secure?”. A question's log-odds are "
        "the logarithm of how many times likelier its yes is than its no; the margin is half the difference of both. "
        "1 nat means 2.7 times likelier.",
    ),
    "acquiescence": Term(
        "Acquiescence",
        "The tendency to say yes whatever is asked: half the sum of the log-odds of both questions, in nats.",
        "It cancels out of the margin. A model that calls the same code both vulnerable and secure has much of it.",
    ),
    "says": Term(
        "Says",
        "What the model would type first when asked the canonical question once, without any correction.",
        "If that is neither a yes nor a no, or both tie, the answer is unparsed: a state of its own, counted as wrong.",
    ),
    "yes-rate": Term(
        "Says vulnerable (yes-rate)",
        "The share of answers that call the code vulnerable. Half of all twins are.",
        "A model that says vulnerable to everything finds every flaw and is of no use.",
    ),
    "pair-rank": Term(
        "Pair-rank",
        "The share of pairs whose vulnerable twin has the higher margin. Guessing gives 50 %.",
        "It asks whether the model can tell which of two is the vulnerable one, "
        "wherever it puts the line between yes and no. Ties count half.",
    ),
    "pair-correct": Term(
        "Pair-correct (both right)",
        "The share of pairs with both answers right: the vulnerable twin called vulnerable, the fixed one not.",
        "Always giving one answer scores 0.",
    ),
    "chance": Term(
        "Chance at the model's yes-rate",
        "The pair-correct share of a model that says vulnerable equally often, but at random: y × (1 − y).",
        "At a yes-rate of 97 % that is 3 %, not 25 %. Only what lies beyond it is skill.",
    ),
    "auroc": Term(
        "AUROC",
        "The chance that a random vulnerable sample has a higher margin than a random fixed one: "
        "0.5 is guessing, 1 is perfect.",
        "Compared within the same CWE and language. It measures how well the two kinds are told apart and ignores "
        "where the line between yes and no lies.",
    ),
    "d-a": Term(
        "d_a",
        "The AUROC on the scale of d′: 0 is guessing, 1 is fair, above 2 is good.",
        "√2 times the normal quantile of the AUROC.",
    ),
    "d-prime": Term(
        "d′ (sensitivity)",
        "How far apart the answers to vulnerable and to fixed code lie: 0 is guessing, above 2 is good.",
        "Hit rate (vulnerable code called vulnerable) against false alarms (fixed code called vulnerable), "
        "each as a normal quantile. Not identified with fewer than 5 of either answer on a side.",
    ),
    "criterion": Term(
        "c (criterion, bias)",
        "Which way the answers lean: below 0 to “vulnerable”, above 0 to “secure”, 0 to neither.",
        "Bias and sensitivity are independent: a model may lean strongly and still tell the twins apart, "
        "or not lean at all and know nothing.",
    ),
    "interval": Term(
        "[low, high]",
        "The 95 % interval: the range of true values that fit the data. Narrow is certain, wide is not.",
        "Computed by groups, because samples of one project or pair are not independent. "
        "Where the interval includes chance, nothing has been shown.",
    ),
    "detectable": Term(
        "Detects",
        "The smallest distance of the AUROC from ½ that so few samples could have shown (80 % power, 5 % level).",
        "Where no difference was found, a smaller one may still be there.",
    ),
    "group": Term(
        "Group",
        "Samples that belong together (same pair, project, CVE, template or near-copy) and count as one observation.",
    ),
    "baseline": Term(
        "Baseline",
        "A rule that uses no language model: always yes, the length of the code, character n-grams.",
        "A model that does no better than these has shown nothing about understanding code.",
    ),
    "label-mass": Term(
        "Label mass",
        "How much of the model's probability goes to any form of yes or no at all.",
        "Near 0 the question was not understood, and the margin says little.",
    ),
    "p": Term(
        "p",
        "How often a result at least this far from chance would come up if labels within pairs were swapped at random.",
        "Below 0.05 is usually taken as more than luck.",
    ),
    "state": Term(
        "State of an answer",
        "Parsed, unparsed (no verdict found), refused, or cut off before its end.",
        "Only a parsed answer is a verdict; the others count as wrong and are shown apart.",
    ),
    "honest-best": Term(
        "Chosen on other groups",
        "Every group of samples is judged under the prompt that did best on the other groups.",
        "The best of many prompts looks good by luck on the samples it was chosen by; this does not.",
    ),
    "robust": Term(
        "Robust",
        "Answered right before a change that keeps the label, and the same after it.",
        "For both twins, so that a model that always says the same gets 0.",
    ),
    "mcc": Term(
        "Matthews correlation",
        "The correlation of answers with labels, from −1 to 1: 0 is guessing, and so is any constant answer.",
    ),
    "auprc": Term(
        "Average precision (AUPRC)",
        "The area under the precision-recall curve of the margin; guessing gets the share of vulnerable samples.",
    ),
    "vd-s": Term(
        "VD-S",
        "The share of vulnerable code missed when at most so many per cent of the fixed code may raise an alarm.",
        "Lower is better. So low a rate rests on few samples: with 500 fixed ones, 0.5 % are two.",
    ),
    "brier": Term(
        "Brier score",
        "The mean squared distance of the stated probability from what is true; always saying one half gets 0.25.",
        "Lower is better. The probability is the logistic function of the margin.",
    ),
    "ece": Term(
        "Calibration error (ECE)",
        "How far stated probabilities lie from the share that comes true, over ten groups of equal size.",
        "With few samples even a perfectly calibrated model shows some, hence the figure beside it.",
    ),
    "read-outs": Term(
        "Read-outs agree",
        "How often the typed answer is the one the log-odds of the same question favour.",
        "Cohen's κ takes off what two unrelated read-outs with the same habits would agree by chance.",
    ),
    "alarm-rate": Term(
        "Alarm rate",
        "The share of ordinary functions that raise an alarm.",
        "At 1 % a code base of 10,000 functions gives 100 alarms, before anything vulnerable is in it.",
    ),
    "recall": Term("Recall", "The share of the vulnerable samples of the corpus that raise an alarm."),
    "precision": Term(
        "Precision",
        "The share of alarms that are right, where so many functions are vulnerable as stated.",
        "With few vulnerable functions even a low alarm rate drowns the right alarms: at 1 % vulnerable, 80 % recall "
        "and 5 % alarms, one alarm in seven is right.",
    ),
    "leak": Term(
        "Leak",
        "What lets a rule or a trained model guess labels without reading code: near-duplicates across splits, shared "
        "commits, telling words.",
        "A figure on a corpus with leaks says how much of it was seen before, not how much is understood.",
    ),
    "flipped": Term("Flipped", "Samples to which the two runs give different answers."),
    "detectable-change": Term(
        "Could have shown",
        "The smallest change that so few groups could have shown (80 % power, 5 % level).",
        "Where no change was found, a smaller one may still be there.",
    ),
    "na": Term(
        "n/a",
        "Not measured: the figure could not be identified from these data. The reason stands beside or below it.",
        "It is never counted as 0.",
    ),
}
