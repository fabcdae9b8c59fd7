"""Sixty-four conversations side by side: the skeleton of a training loop.

Core dependencies, about three seconds. The policy is a softmax over how deep in the candidates a
list begins, learned by REINFORCE from random choices: a toy, so that the loop is all there is to
read. It learns to begin at the top, because the retriever's order is worth something.

    python examples/04_vector_env.py
"""

import numpy as np

import crsgym

NUM_ENVS, STEPS, RATE = 64, 40, 0.3
STARTS = np.array([0, 5, 10])  # first candidate of the list

# One batched world, not 64 processes. A conversation that ends begins anew in the same step.
envs = crsgym.make_vec("Synthetic-v0", num_envs=NUM_ENVS, split="train", max_turns=3)
observations, _ = envs.reset(seed=0)
rng = np.random.default_rng(0)
logits = np.zeros(len(STARTS))
earned: list[float] = []

for step in range(STEPS):
    chances = np.exp(logits) / np.exp(logits).sum()
    choices = rng.choice(len(STARTS), size=NUM_ENVS, p=chances)

    # Observations come by key, each with one entry for every conversation.
    answers = [
        crsgym.format_answer(candidates[STARTS[choice] :][:10], preference="As was said.")
        for candidates, choice in zip(observations["candidates"], choices, strict=True)
    ]
    observations, rewards, terminated, truncated, infos = envs.step(answers)

    # The gradient of the log-probability of what was chosen, times how much better it was.
    advantages = rewards - rewards.mean()
    chosen = np.eye(len(STARTS))[choices] - chances
    logits += RATE * (advantages[:, None] * chosen).mean(axis=0)
    earned.append(float(rewards.mean()))
    if (step + 1) % 20 == 0:
        ended = int((terminated | truncated).sum())
        print(f"step {step + 1}: mean reward {np.mean(earned[-20:]):.3f}, {ended} ended just now")

for start, chance in zip(STARTS, np.exp(logits) / np.exp(logits).sum(), strict=True):
    print(f"begin at candidate {start + 1}: {chance:.2f}")
envs.close()
