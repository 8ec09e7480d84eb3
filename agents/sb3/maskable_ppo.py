"""MaskablePPO without most of its overhead: the same updates from the same random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableRolloutBuffer
from sb3_contrib.common.maskable.policies import (
    MaskableActorCriticPolicy,
    MaskableMultiInputActorCriticPolicy,
)
from sb3_contrib.common.maskable.utils import is_masking_supported
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from etude_gym.agents.sb3.policies import LeanMultiInputPolicy, LeanPolicy

LEAN_POLICIES = {
    MaskableActorCriticPolicy: LeanPolicy,
    MaskableMultiInputActorCriticPolicy: LeanMultiInputPolicy,
}
"""What stands in for policies of sb3_contrib, also in a file that MaskablePPO has saved."""


class LeanMaskablePPO(MaskablePPO):
    """Proximal policy optimization with action masks (Schulman et al. 2017; Huang and Ontañón 2022).

    Takes what ``sb3_contrib.MaskablePPO`` takes and computes the same; files exchange in both directions. The
    gradient of the loss by the policy's outputs is written out, all gradients are clipped as one vector, and
    the logger's figures are computed once per update.

    Raises:
        ValueError: for what it leaves out: ``target_kl``, other rollout buffers, actions that are not
            ``Discrete``.
    """

    policy_class: Any
    _last_obs: Any
    _last_episode_starts: Any
    policy_aliases: ClassVar[dict[str, Any]] = {
        **MaskablePPO.policy_aliases,
        "MlpPolicy": LeanPolicy,
        "MultiInputPolicy": LeanMultiInputPolicy,
    }

    def _setup_model(self) -> None:
        self.policy_class = LEAN_POLICIES.get(self.policy_class, self.policy_class)
        super()._setup_model()
        buffers = (MaskableRolloutBuffer, MaskableDictRolloutBuffer)
        refused = {
            f"target_kl={self.target_kl}": self.target_kl is not None,
            f"rollout_buffer_class={self.rollout_buffer_class}": type(self.rollout_buffer) not in buffers,
            f"the action space {self.action_space}": not isinstance(self.action_space, spaces.Discrete),
        }
        for what in (what for what, is_refused in refused.items() if is_refused):
            raise ValueError(f"LeanMaskablePPO does without {what}: use MaskablePPO of sb3_contrib.")

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: Any,
        n_rollout_steps: int,
        use_masking: bool = True,
    ) -> bool:
        """Fill the buffer with steps of the policy.

        Args:
            env: with ``action_masks()``, unless masks are not used.
            callback: called at the start, after every step and at the end.
            rollout_buffer: emptied and filled.
            n_rollout_steps: steps of each environment.
            use_masking: whether actions are masked.

        Returns:
            False if the callback stopped the rollout.

        Raises:
            ValueError: if masks are to be used and the environment has none.
        """
        assert self._last_obs is not None
        if use_masking and not is_masking_supported(env):
            raise ValueError("The environment has no action_masks(): wrap it in ActionMasker of sb3_contrib.")
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        masks = None
        with torch.no_grad():
            for _ in range(n_rollout_steps):
                if use_masking:
                    masks = np.asarray(env.env_method("action_masks"))
                observations = obs_as_tensor(self._last_obs, self.device)
                chosen, values, log_probabilities = self.policy(observations, action_masks=masks)
                actions = chosen.cpu().numpy()
                new_obs, rewards, dones, infos = env.step(actions)
                self.num_timesteps += env.num_envs
                callback.update_locals(locals())
                if not callback.on_step():
                    return False
                self._update_info_buffer(infos, dones)
                self._bootstrap_truncated(rewards, dones, infos)
                starts, outputs = self._last_episode_starts, (values, log_probabilities)
                _store(rollout_buffer, self._last_obs, masks, actions, rewards, starts, *outputs)
                self._last_obs, self._last_episode_starts = new_obs, dones
            values = self.policy.predict_values(obs_as_tensor(new_obs, self.device))  # type: ignore[arg-type]
        rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)
        callback.on_rollout_end()
        return True

    def _bootstrap_truncated(self, rewards: Any, dones: Any, infos: list[dict[str, Any]]) -> None:
        """Add the value of where an episode was cut off: it would have gone on."""
        for row in np.flatnonzero(dones):
            final = infos[row].get("terminal_observation")
            if final is not None and infos[row].get("TimeLimit.truncated", False):
                observation, _ = self.policy.obs_to_tensor(final)
                rewards[row] += self.gamma * float(self.policy.predict_values(observation)[0, 0])

    def train(self) -> None:
        """Update the policy by the steps in the buffer."""
        policy, optimizer = self.policy, self.policy.optimizer
        policy.set_training_mode(True)
        self._update_learning_rate(optimizer)
        steps, loss = _steps_of(self.rollout_buffer), _Loss(self)
        gradient = _attach_gradient(policy)
        for _ in range(self.n_epochs):
            for batch in _minibatches(steps, self.batch_size or len(steps.actions)):
                outputs = policy.evaluate_actions(batch.observations, batch.actions, action_masks=batch.masks)
                gradient.zero_()
                torch.autograd.backward(outputs, loss.gradients(batch, *outputs))
                length = torch.linalg.vector_norm(gradient)
                gradient.mul_((self.max_grad_norm / (length + 1e-6)).clamp_(max=1.0))
                optimizer.step()
            self._n_updates += 1
        optimizer.zero_grad()
        self._record(loss)

    def _record(self, loss: _Loss) -> None:
        buffer = self.rollout_buffer
        for name, value in loss.figures(self.n_epochs).items():
            self.logger.record(f"train/{name}", value)
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", explained)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")


def _store(
    buffer: Any, seen: Any, masks: Any, actions: Any, rewards: Any, starts: Any, values: Tensor, logs: Tensor
) -> None:
    """What ``add`` of a rollout buffer does, with fewer copies."""
    place = buffer.pos
    if isinstance(seen, dict):
        for name, array in seen.items():
            kept = buffer.observations[name][place]
            kept[...] = array.reshape(kept.shape)
    else:
        kept = buffer.observations[place]
        kept[...] = seen.reshape(kept.shape)
    if masks is not None:
        buffer.action_masks[place] = masks
    buffer.actions[place, :, 0] = actions
    buffer.rewards[place] = rewards
    buffer.episode_starts[place] = starts
    buffer.values[place] = values[:, 0].cpu()
    buffer.log_probs[place] = logs.cpu()
    buffer.pos = place + 1
    buffer.full = buffer.pos == buffer.buffer_size


class _Steps(NamedTuple):
    """Steps of a rollout, or a minibatch of them: tensors whose first dimension is the number of steps."""

    observations: Any
    actions: Tensor
    log_probabilities: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    masks: Tensor


def _steps_of(buffer: Any) -> _Steps:
    """All steps in a rollout buffer, in the order in which MaskablePPO numbers them."""

    def flat(array: Any) -> Tensor:
        return torch.as_tensor(buffer.swap_and_flatten(array), device=buffer.device)

    return _Steps(
        _map(buffer.observations, flat),
        flat(buffer.actions)[:, 0].long(),
        flat(buffer.log_probs)[:, 0],
        flat(buffer.values)[:, 0],
        flat(buffer.advantages)[:, 0],
        flat(buffer.returns)[:, 0],
        flat(buffer.action_masks) != 0,
    )


def _minibatches(steps: _Steps, batch_size: int) -> Iterator[_Steps]:
    """One pass over all steps in a random order; the last minibatch may be smaller."""
    order = torch.from_numpy(np.random.permutation(len(steps.actions)))  # noqa: NPY002
    for rows in order.to(steps.actions.device).split(batch_size):
        yield _Steps(*(_rows_of(part, rows) for part in steps))


def _rows_of(part: Any, rows: Tensor) -> Any:
    return _map(part, lambda tensor: tensor.index_select(0, rows))


def _map(part: Any, function: Callable[[Any], Tensor]) -> Any:
    """Apply a function to an array, or to every array of a dictionary."""
    if isinstance(part, dict):
        return {name: function(tensor) for name, tensor in part.items()}
    return function(part)


def _attach_gradient(policy: torch.nn.Module) -> Tensor:
    """One vector whose parts are from now on the gradients of the policy's parameters."""
    parameters = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    sizes = [parameter.numel() for parameter in parameters]
    gradient = torch.zeros(sum(sizes), device=parameters[0].device)
    for parameter, part in zip(parameters, gradient.split(sizes), strict=True):
        parameter.grad = part.view_as(parameter)
    return gradient


class _Loss:
    """The loss of an update, by its gradients: clipped surrogate, squared error of values, entropy."""

    def __init__(self, model: LeanMaskablePPO) -> None:
        progress = model._current_progress_remaining
        self.model = model
        self.clip_range = model.clip_range(progress)  # type: ignore[operator]
        self.clip_range_vf = None if model.clip_range_vf is None else model.clip_range_vf(progress)  # type: ignore[operator]
        self._parts: list[tuple[Tensor, ...]] = []

    @torch.no_grad()
    def gradients(
        self, batch: _Steps, values: Tensor, log_probabilities: Tensor, entropies: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the mean loss of a minibatch by the three outputs of ``evaluate_actions``."""
        count = len(log_probabilities)
        advantages = batch.advantages
        if self.model.normalize_advantage:
            deviation, mean = torch.std_mean(advantages)
            advantages = (advantages - mean) / (deviation + 1e-8)
        log_ratios = log_probabilities - batch.log_probabilities
        ratios = log_ratios.exp()
        gains = advantages * ratios
        bounds = advantages * ratios.clamp(1 - self.clip_range, 1 + self.clip_range)
        by_log_probability = torch.where(gains <= bounds, gains, 0.0).mul_(-1 / count)
        errors = values[:, 0] - batch.returns
        by_value = errors * (2 * self.model.vf_coef / count)
        if self.clip_range_vf is not None:
            change = values[:, 0] - batch.values
            clipped = change.clamp(-self.clip_range_vf, self.clip_range_vf)
            errors = batch.values + clipped - batch.returns
            by_value = (2 * self.model.vf_coef / count) * errors * (change == clipped)
        by_entropy = torch.full_like(entropies, -self.model.ent_coef / count)
        self._parts.append((gains, bounds, errors, entropies.detach(), log_ratios))
        return by_value[:, None], by_log_probability, by_entropy

    @torch.no_grad()
    def figures(self, epochs: int) -> dict[str, float]:
        """Means over all minibatches; the divergence's over the last epoch, the loss's over the last one."""
        policy_loss, value_loss, entropy_loss = _losses(self._parts)
        *_, log_ratios = (torch.cat(parts) for parts in zip(*self._parts, strict=True))
        last = log_ratios[-(len(log_ratios) // epochs) :]
        by_policy, by_values, by_entropy = _losses(self._parts[-1:])
        figures = {
            "entropy_loss": entropy_loss,
            "policy_gradient_loss": policy_loss,
            "value_loss": value_loss,
            "approx_kl": (last.exp() - 1 - last).mean(),
            "clip_fraction": ((log_ratios.exp() - 1).abs() > self.clip_range).float().mean(),
            "loss": by_policy + self.model.ent_coef * by_entropy + self.model.vf_coef * by_values,
            "clip_range": self.clip_range,
        }
        if self.clip_range_vf is not None:
            figures["clip_range_vf"] = self.clip_range_vf
        return {name: float(value) for name, value in figures.items()}


def _losses(parts: list[tuple[Tensor, ...]]) -> tuple[Tensor, Tensor, Tensor]:
    """Of the policy, of the values, of the entropy: means over minibatches."""
    gains, bounds, errors, entropies, _ = (torch.cat(column) for column in zip(*parts, strict=True))
    return -torch.minimum(gains, bounds).mean(), errors.square().mean(), -entropies.mean()
