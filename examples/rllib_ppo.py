"""PPO of RLlib on EtudePlan-v0 through plain Gymnasium, with RLlib's own example of action masking.

`etude practice EtudePlan-v0 --agent rllib` does more: it counts compute, scores on anchor tasks and shares
one task sampler between env runners. Here each environment has a sampler of its own.

python examples/rllib_ppo.py --iterations 20
"""

import argparse

import gymnasium as gym
from gymnasium.wrappers import TransformObservation
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

from etude_gym.wrappers import ActionMaskObservation

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="etude_gym:EtudePlan-v0")
parser.add_argument("--iterations", type=int, default=20)
parser.add_argument("--env-runners", type=int, default=0)
parser.add_argument("--train-batch-size", type=int, default=4000)
parser.add_argument("--seed", type=int, default=0)


def make_env(config):
    """The names under which RLlib's module looks for mask and observation; both as floats."""
    env = ActionMaskObservation(gym.make(config["env_id"], practice=config["practice"]))
    inner, actions = env.observation_space["observation"], env.action_space.n
    space = gym.spaces.Dict(
        {"observations": inner, "action_mask": gym.spaces.Box(0.0, 1.0, (int(actions),), "float32")}
    )

    def rename(seen):
        return {"observations": seen["observation"], "action_mask": seen["action_mask"].astype("float32")}

    return TransformObservation(env, rename, space)


if __name__ == "__main__":
    args = parser.parse_args()
    register_env("etude", make_env)
    config = (
        PPOConfig()
        .environment("etude", env_config={"env_id": args.env_id, "practice": "adaptive"})
        .env_runners(num_env_runners=args.env_runners, num_envs_per_env_runner=8)
        .rl_module(rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule))
        .training(
            lr=1e-3,
            train_batch_size_per_learner=args.train_batch_size,
            minibatch_size=min(500, args.train_batch_size),
            num_epochs=6,
            entropy_coeff=0.01,
        )
        .debugging(seed=args.seed)
    )
    algorithm = config.build_algo()
    for iteration in range(1, args.iterations + 1):
        result = algorithm.train()["env_runners"]
        score = result.get("episode_return_mean", float("nan"))  # the return of an episode is its score
        print(f"iteration={iteration}, score={score:.3f}", flush=True)
    algorithm.stop()
