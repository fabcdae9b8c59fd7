"""One conversation by hand: what an agent sees, what it answers, and what the answer earns.

Core dependencies, nothing to download, about three seconds.

    python examples/01_first_episode.py
"""

import crsgym

# `split` says where conversations come from, `simulator` who the user is: `attributes` knows what
# it looks for and criticises every list by it, without ever naming it.
env = crsgym.make("Synthetic-v0", split="train", simulator="attributes", max_turns=5)
observation, info = env.reset(seed=3)
print(observation["dialogue"], "\n")

listed: set[str] = set()
done = False
while not done:
    # Of the candidates that the retriever offers, those that were not shown yet.
    titles = [title for title in observation["candidates"] if title not in listed][:3]
    listed |= set(titles)
    print(f"turn {observation['turn']}: {', '.join(titles)}")

    # An action is a text. This writes it in the form that the rewards expect.
    answer = crsgym.format_answer(titles, preference="Something like what was mentioned.")
    observation, reward, terminated, truncated, info = env.step(answer)

    terms = ", ".join(f"{name} {value:.2f}" for name, value in info["reward_terms"].items())
    print(f"  reward {reward:.2f} ({terms})")
    done = terminated or truncated
    if not done:
        print(f"  Seeker: {observation['feedback']}")

# Only now that it is over is the hidden target told.
print("found:" if terminated else "not found:", info["target"])

# A conversation is a value: the same seed and answers give the same one again.
again, _ = env.reset(seed=3)
print("the same start again:", again["candidates"][:3])
