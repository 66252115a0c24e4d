"""The weighted mean of trained weights: `average.py A.pt:0.4 B.pt:0.6 --out FILE` (Wortsman et al. 2022, arXiv:2109.01903)."""

import argparse

import torch


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", help="FILE:SHARE; the shares add up to 1")
    parser.add_argument("--out", required=True)
    opt = parser.parse_args()
    total = {}
    for part in opt.parts:
        path, share = part.rsplit(":", 1)
        for name, weight in torch.load(path).items():
            total[name] = total.get(name, 0) + weight * float(share)
    torch.save(total, opt.out)


if __name__ == "__main__":
    main()
