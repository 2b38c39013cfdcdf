"""A model in Hugging Face's layout as a run of ours."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError, NnzooError, RunError
from nnzoo.core.seeds import seed_default
from nnzoo.zoo.beginning import run_folder
from nnzoo.zoo.huggingface import bert, gpt2, llama, t5
from nnzoo.zoo.huggingface.folder import CONFIG, facts_of, located, tensors_of
from nnzoo.zoo.huggingface.table import Family, to_ours
from nnzoo.zoo.huggingface.vocabulary import tokenizer_of

if TYPE_CHECKING:
    from nnzoo.data.preprocessing import Preprocessing

FAMILIES = (gpt2.FAMILY, llama.FAMILY, bert.FAMILY, t5.FAMILY)
TASKS = {
    "GPT2LMHeadModel": "text-generation",
    "LlamaForCausalLM": "text-generation",
    "MistralForCausalLM": "text-generation",
    "BertForMaskedLM": "fill-mask",
    "BertForPreTraining": "fill-mask",
    "BertModel": "fill-mask",
    "BertForSequenceClassification": "text-classification",
    "T5ForConditionalGeneration": "translation",
}
ANSWER = 128  # symbols, of which and half as many again an answer of T5 may have
HEADLESS = ("BertModel",)
OTHERS = {  # like one of ours, but not the same
    "qwen2": "llama, but for biases in its queries, keys and values",
    "qwen3": "llama, but for norms of its queries and keys",
    "gemma": "llama, but for norms that add 1 and scaled embeddings",
    "gemma2": "llama, but for norms after each part and capped logits",
    "phi3": "llama, but for matrices that are put together otherwise",
    "roberta": "bert, but for positions that begin at 2",
    "distilbert": "bert, but for segments, which it lacks",
    "mt5": "t5, but for another vocabulary",
}


@dataclass
class Imported:
    """What `import_model` gives back: the run's folder, what it is, and notes for the person."""

    run: str
    kind: str
    task: str
    source: str
    architecture: str
    parameters: int
    vocabulary: int
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line's `--json` prints it."""
        return asdict(self)


def import_model(
    source: str | Path, *, out: str | Path | None = None, revision: str | None = None, allow_pickle: bool = False
) -> Imported:
    """Make a run of a model in a folder, or on the hub: GPT-2, Llama, BERT, T5.

    `revision` pins what is taken from the hub; `allow_pickle` reads old files of weights as well, tensors alone. Raises NnzooError
    with one sentence that names the file, the tensor or the setting that does not fit.
    """
    from nnzoo.networks import find
    from nnzoo.tasks import find as find_task
    from nnzoo.zoo.room import check_room, shapes_of
    from nnzoo.zoo.runs import save_run

    folder = located(source, revision, allow_pickle)
    facts = facts_of(folder / CONFIG)
    path = folder / CONFIG
    family, architecture = _family(facts, path)
    task = find_task(TASKS[architecture])
    settings = _settings(family, facts, path)
    tensors, file = tensors_of(folder, allow_pickle)
    made = _preprocessing(folder, family, facts, settings, task.name)
    cls = find(family.kind)
    spec = made.spec(0)
    try:
        config = cls.Config.read(settings, family.kind)
    except ConfigError as error:
        raise RunError(f"{path}: {error}") from None
    build = functools.partial(cls, config, spec, task)
    check_room(build, str(path))
    shapes = shapes_of(build)
    assert shapes is not None
    headless = architecture in HEADLESS
    ours = to_ours(family, family.rows(config, spec.outputs, headless), tensors, shapes, str(file))
    seed_default(0, -1)  # what a headless model lacks begins at random
    network = build()
    mine = network.state_dict()
    for name, tensor in ours.items():
        mine[name].copy_(tensor)
    fresh = sorted({name.partition(".")[0] for name in mine.keys() - ours.keys()}) if headless else []
    notes = (
        [f"{architecture} has no head for hidden symbols, so that this one's ({', '.join(fresh)}) knows nothing yet"]
        if fresh
        else []
    )
    types = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()} - {"float32"})
    notes += [f"weights of {', '.join(types)} are kept as float32"] if types else []
    run = run_folder(out, False, family.kind, Path(str(source)).name or "model")
    origin = {"source": str(source), "architecture": architecture, "snapshot": folder.name if not Path(source).is_dir() else None}
    origin |= {"revision": revision, **sentences_of(folder)}
    save_run(run, network, made, data=str(source), settings={"imported": origin}, notes=notes)
    return Imported(str(run), family.kind, task.name, str(source), architecture, network.count(), facts["vocab_size"], notes)


def _family(facts: Mapping[str, Any], path: Path) -> tuple[Family, str]:
    """Whose layout it is, and the name of the architecture. Raises RunError."""
    sort, named = facts.get("model_type"), facts.get("architectures") or []
    known = ", ".join(one for family in FAMILIES for one in family.types)
    if sort in OTHERS:
        raise RunError(f"{path} is of '{sort}', which is like {OTHERS[sort]}; it cannot be taken over, take one of {known}")
    family = next((family for family in FAMILIES if sort in family.types), None)
    if family is None:
        raise RunError(f"{path} is of an unknown architecture, '{sort or next(iter(named), None)}'; take one of {known}")
    usual = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "bert": "BertModel"}
    usual |= {"t5": "T5ForConditionalGeneration"}
    architecture = str(named[0]) if named else usual[str(sort)]
    if architecture not in TASKS:
        able = ", ".join(name for name in TASKS if name.lower().startswith(str(sort)))
        raise RunError(f"{path} is of a '{architecture}', whose head has no place here; take one of {able}")
    return family, architecture


def _settings(family: Family, facts: Mapping[str, Any], path: Path) -> dict[str, Any]:
    try:
        return family.settings(facts)
    except KeyError as error:
        raise RunError(f"{path} does not say {error}, as a {facts['model_type']} must; copy or download it again") from None
    except (TypeError, ZeroDivisionError) as error:
        raise RunError(
            f"{path} says something that is no number where one should stand ({error}); copy or download it again"
        ) from None
    except NnzooError as error:
        raise RunError(f"{path}: {error}") from None


def _preprocessing(folder: Path, family: Family, facts: Mapping[str, Any], settings: dict[str, Any], task: str) -> Preprocessing:
    """The tokenizer and the labels; for BERT, which symbol hides others goes into `settings`."""
    from nnzoo.data.pair_preprocessing import PairPreprocessing
    from nnzoo.data.text_preprocessing import TextPreprocessing

    vocabulary = facts.get("vocab_size")
    if not isinstance(vocabulary, int) or vocabulary < 1:
        raise RunError(f"{folder / CONFIG} does not say 'vocab_size'; copy or download it again")
    if family.kind == "t5":
        begun = facts.get("decoder_start_token_id", facts.get("pad_token_id", 0))
        both = tokenizer_of(folder, facts, vocabulary).beginning(begun)
        return PairPreprocessing((both, both), (ANSWER, ANSWER), ("source", "target"))
    context = settings["context"]
    if family.kind != "bert":
        return TextPreprocessing("", False, context, units=tokenizer_of(folder, facts, vocabulary))
    units = tokenizer_of(folder, facts, vocabulary, min(context, sentences_of(folder).get("longest", context)))
    settings["mask"] = next(code for code in (units.mask, units.special.unknown, 0) if code >= 0)
    labels = _labels(facts, folder / CONFIG) if task == "text-classification" else ()
    return TextPreprocessing("", True, context, labels=labels, units=units)


def sentences_of(folder: Path) -> dict[str, Any]:
    """What the modules of a sentence-transformers folder do after BERT: `pooling` (mean or first), `unit` (vectors of length 1),
    and the `longest` text in symbols; {} for a folder without modules. Raises RunError for modules that have no place here."""
    path = folder / "modules.json"
    if not path.is_file():
        return {}
    try:
        modules = [(str(one["type"]).rpartition(".")[2], folder / str(one["path"])) for one in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} does not list modules by type and path ({error}); copy or download it again") from None
    kinds = [kind for kind, _ in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise RunError(f"{path} has the modules {', '.join(kinds)}, and only Transformer, Pooling and Normalize can be taken over")
    found: dict[str, Any] = {"unit": "Normalize" in kinds}
    pooling = facts_of(modules[1][1] / CONFIG)
    wanted = pooling.get("pooling_mode") or [
        name for name, way in pooling.items() if name.startswith("pooling_mode_") and way is True
    ]
    names = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first", "mean": "mean", "cls": "first"}
    chosen = [names.get(str(one)) for one in ([wanted] if isinstance(wanted, str) else wanted)]
    if len(chosen) != 1 or chosen[0] is None:
        raise RunError(
            f"{modules[1][1] / CONFIG} pools by {wanted}, and bert by the mean or the first state; it cannot be taken over"
        )
    longest = facts_of(folder / "sentence_bert_config.json", needed=False).get("max_seq_length")
    return {**found, "pooling": chosen[0], **({"longest": longest} if isinstance(longest, int) else {})}


def _labels(facts: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """The labels in the order of their codes. Raises RunError."""
    named = facts.get("id2label") or {str(k): f"LABEL_{k}" for k in range(facts.get("num_labels", 2))}
    try:
        labels = tuple(str(named[str(k)]) for k in range(len(named)))
    except (KeyError, TypeError):
        raise RunError(f"{path} does not number its labels from 0 on in 'id2label'; correct it") from None
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise RunError(f"{path} has the labels {', '.join(labels)}, and two different ones are needed; it cannot be taken over")
    return labels
