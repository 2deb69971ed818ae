"""`python -m cli` is `sluice`, where its script is not installed: in the image of the steps."""

from cli import main

main()
