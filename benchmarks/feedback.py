"""What feedback is worth: R@10 by turn with a user, and with every control in its place.

    python benchmarks/feedback.py Synthetic-v0 INSPIRED-v0 --users rules attributes

The agent is the retriever's own order. Tables for all strata with 95% intervals, then in words
whether the feedback adds anything over each control, by paired differences.
"""

from __future__ import annotations

import argparse
import json

from crsgym.evaluation.feedback import feedback_experiment


def main() -> None:
    """Play and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("envs", nargs="+")
    options.add_argument("--users", nargs="+", default=["rules", "attributes"])
    options.add_argument("--user-options", type=json.loads, default={}, help="JSON")
    options.add_argument("--retriever", default=None, help="the environment's own by default")
    options.add_argument("--split", default="test")
    options.add_argument("--limit", type=int, default=None)
    options.add_argument("--turns", type=int, default=5)
    args = options.parse_args()
    for env in args.envs:
        for user in args.users:
            experiment = feedback_experiment(
                env,
                split=args.split,
                limit=args.limit,
                turns=args.turns,
                retriever=args.retriever,
                simulator=user,
                simulator_options=args.user_options,
                progress=False,
            )
            print(f"\n## {env}, {args.split}, user {user}\n")
            print(experiment.table().to_markdown())
            print(experiment.verdict(), flush=True)


if __name__ == "__main__":
    main()
