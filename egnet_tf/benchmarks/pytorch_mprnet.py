"""MPRNet in PyTorch, the peer that `benchmarks pytorch` times.

From its paper (Zamir et al., CVPR 2021), with the names and shapes of the weights of
the reference implementation; `egnet_tf.models.mprnet` explains the structure.
"""

from __future__ import annotations

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from egnet_tf.models.configs import MPRNetConfig


def _conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)


class _Gate(nn.Module):
    def __init__(self, width: int, reduction: int):
        super().__init__()
        squeezed = max(1, width // reduction)
        self.conv_du = nn.Sequential(
            *(_conv(width, squeezed, 1), nn.ReLU(), _conv(squeezed, width, 1)),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.conv_du(x.mean((2, 3), keepdim=True))


class _Block(nn.Module):
    def __init__(self, width: int, reduction: int, activation: nn.Module):
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), activation, _conv(width, width))
        self.CA = _Gate(width, reduction)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.CA(self.body(x))


class _Resize(nn.Module):
    """`down` or `up`: bilinear by a factor, then a 1x1 convolution."""

    def __init__(self, name: str, inputs: int, outputs: int, factor: float):
        super().__init__()
        resize = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)
        self.path = name
        self.add_module(name, nn.Sequential(resize, _conv(inputs, outputs, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.get_submodule(self.path)(x)


class _Stage(nn.Module):
    """What encoders and decoders share: blocks on each of three levels."""

    def __init__(self, config: MPRNetConfig, activation: nn.Module):
        super().__init__()
        self.widths = config.widths
        self.make = lambda width: _Block(width, config.reduction, activation)
        self.count = config.num_level_cabs

    def level(self, index: int) -> nn.Sequential:
        return nn.Sequential(
            *(self.make(self.widths[index]) for _ in range(self.count))
        )


class _Encoder(_Stage):
    def __init__(self, config: MPRNetConfig, activation: nn.Module, fused: bool):
        super().__init__(config, activation)
        self.fused = fused
        for i, width in enumerate(self.widths):
            self.add_module(f"encoder_level{i + 1}", self.level(i))
            if i:
                down = _Resize("down", self.widths[i - 1], width, 0.5)
                self.add_module(f"down{i}{i + 1}", down)
            if fused:
                self.add_module(f"csff_enc{i + 1}", _conv(width, width, 1))
                self.add_module(f"csff_dec{i + 1}", _conv(width, width, 1))

    def forward(self, x, encoded=(), decoded=()):
        part, outputs = self.get_submodule, []
        for i in range(3):
            x = part(f"encoder_level{i + 1}")(part(f"down{i}{i + 1}")(x) if i else x)
            if self.fused:
                x = x + part(f"csff_enc{i + 1}")(encoded[i])
                x = x + part(f"csff_dec{i + 1}")(decoded[i])
            outputs.append(x)
        return outputs


class _Decoder(_Stage):
    def __init__(self, config: MPRNetConfig, activation: nn.Module):
        super().__init__(config, activation)
        fine, middle, coarse = self.widths
        for i in range(3):
            self.add_module(f"decoder_level{i + 1}", self.level(i))
        self.skip_attn1, self.skip_attn2 = self.make(fine), self.make(middle)
        self.up21 = _Resize("up", middle, fine, 2)
        self.up32 = _Resize("up", coarse, middle, 2)

    def forward(self, encoded):
        part = self.get_submodule
        third = part("decoder_level3")(encoded[2])
        second = self.up32(third) + self.skip_attn2(encoded[1])
        second = part("decoder_level2")(second)
        first = self.up21(second) + self.skip_attn1(encoded[0])
        return [part("decoder_level1")(first), second, third]


class _Supervised(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv1 = _conv(width, width, 1)
        self.conv2 = _conv(width, 3, 1)
        self.conv3 = _conv(3, width, 1)

    def forward(self, x, image):
        restored = self.conv2(x) + image
        return self.conv1(x) * torch.sigmoid(self.conv3(restored)) + x, restored


class _Residual(nn.Module):
    def __init__(self, blocks: list[nn.Module]):
        super().__init__()
        self.body = nn.Sequential(*blocks)

    def forward(self, x):
        return x + self.body(x)


class _FullResolution(nn.Module):
    def __init__(self, config: MPRNetConfig, activation: nn.Module):
        super().__init__()
        fine, middle, coarse = config.widths
        width = fine + config.orsnet_features
        for i in (1, 2, 3):
            blocks: list[nn.Module] = [
                _Block(width, config.reduction, activation)
                for _ in range(config.num_cabs)
            ]
            self.add_module(f"orb{i}", _Residual([*blocks, _conv(width, width)]))
            for side in ("enc", "dec"):
                self.add_module(f"conv_{side}{i}", _conv(fine, width, 1))
        for side in ("enc", "dec"):
            self.add_module(f"up_{side}1", _Resize("up", middle, fine, 2))
            twice = (_Resize("up", coarse, middle, 2), _Resize("up", middle, fine, 2))
            self.add_module(f"up_{side}2", nn.Sequential(*twice))

    def forward(self, x, encoded, decoded):
        part = self.get_submodule
        for i in range(3):
            x = part(f"orb{i + 1}")(x)
            for side, levels in (("enc", encoded), ("dec", decoded)):
                level = part(f"up_{side}{i}")(levels[i]) if i else levels[i]
                x = x + part(f"conv_{side}{i + 1}")(level)
        return x


class MPRNet(nn.Module):
    """(B, 3, H, W) in [0, 1] -> the images of stages 3, 2 and 1, not clipped.

    H and W are multiples of 8. All blocks share one PReLU.
    """

    def __init__(self, config: MPRNetConfig | None = None):
        super().__init__()
        config = config or MPRNetConfig()
        activation = nn.PReLU()
        width, full = config.num_features, config.num_features + config.orsnet_features
        for i in (1, 2, 3):
            block = _Block(width, config.reduction, activation)
            self.add_module(f"shallow_feat{i}", nn.Sequential(_conv(3, width), block))
        self.stage1_encoder = _Encoder(config, activation, fused=False)
        self.stage1_decoder = _Decoder(config, activation)
        self.stage2_encoder = _Encoder(config, activation, fused=True)
        self.stage2_decoder = _Decoder(config, activation)
        self.stage3_orsnet = _FullResolution(config, activation)
        self.sam12, self.sam23 = _Supervised(width), _Supervised(width)
        self.concat12, self.concat23 = _conv(2 * width, width), _conv(2 * width, full)
        self.tail = _conv(full, 3)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Restores a batch."""
        features = [self.get_submodule(f"shallow_feat{i}") for i in (1, 2, 3)]
        halves = image.chunk(2, 2)
        encoded1, decoded1, gated, restored = [], [], [], []
        for half in halves:
            quarters = [
                self.stage1_encoder(features[0](quarter))
                for quarter in half.chunk(2, 3)
            ]
            joined = [torch.cat(level, 3) for level in zip(*quarters, strict=True)]
            decoded = self.stage1_decoder(joined)
            attended, stage1 = self.sam12(decoded[0], half)
            encoded1.append(joined)
            decoded1.append(decoded)
            gated.append(attended)
            restored.append(stage1)
        encoded = []
        for i, half in enumerate(halves):
            x = self.concat12(torch.cat([features[1](half), gated[i]], 1))
            encoded.append(self.stage2_encoder(x, encoded1[i], decoded1[i]))
        encoded2 = [torch.cat(level, 2) for level in zip(*encoded, strict=True)]
        decoded2 = self.stage2_decoder(encoded2)
        attended, stage2 = self.sam23(decoded2[0], image)
        x = self.concat23(torch.cat([features[2](image), attended], 1))
        x = self.stage3_orsnet(x, encoded2, decoded2)
        return [self.tail(x) + image, stage2, torch.cat(restored, 2)]


def charbonnier(stages: list[torch.Tensor], sharp: torch.Tensor) -> torch.Tensor:
    """The sum over the stages of the mean of sqrt(difference^2 + 1e-6)."""
    return torch.stack(
        [
            torch.sqrt(
                functional.mse_loss(x.float(), sharp, reduction="none") + 1e-6
            ).mean()
            for x in stages
        ]
    ).sum()
