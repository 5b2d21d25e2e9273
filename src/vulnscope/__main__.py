"""`python -m vulnscope` is the `vulnscope` command."""

from vulnscope.cli import main

if __name__ == "__main__":
    main()
