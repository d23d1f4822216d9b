"""Findings in `jax.scipy.special` and `jax.scipy.stats`; see `findings.py`."""

from workflow.ecosystem.finding import Finding

NAN = float("nan")
_AT_ZERO = ("zeros",)
_AS_GIVEN = ("ordinary", "error signal 1e-8", "error signal 1e8")
_SPECIAL, _STATS = "jax.scipy.special", "jax.scipy.stats"

SCIPY = [
    Finding(
        "jax.scipy.special.spence",
        "x = 1.5",
        NAN,
        -0.810930,
        "NaN for every x in (1, 2], and 0 in place of -1 at x = 1. Elsewhere it is right.",
        """\
gives = jax.grad(jax.scipy.special.spence)(1.5)
right = np.log(1.5) / (1 - 1.5)""",
        {
            (_SPECIAL, "spence"): (*_AS_GIVEN, "ties", "equal rows", "axes of size 1"),
        },
    ),
    Finding(
        "jax.scipy.special.i0",
        "x = 0",
        1.0,
        0.0,
        "The function is exp |x| · i0e(x). At 0 the slopes of the two factors ought to cancel, but "
        "those that are taken belong to different sides.",
        """\
gives = jax.grad(jax.scipy.special.i0)(0.0)
right = 0.0  # I₀ is even and smooth""",
        {(_SPECIAL, "i0"): ("zeros", "ties", "subnormal")},
    ),
    Finding(
        "jax.scipy.special.log_ndtr",
        "x = -1e5, float32",
        1.0,
        1e5,
        "The derivative is exp(log φ(x) - log Φ(x)), the difference of two numbers of the size of "
        "x²/2: 99.98 in place of 100.01 at -100, 2981 in place of 10 000 at -1e4. So do "
        "`norm.logcdf` "
        "and `norm.logsf`.",
        """\
gives = jax.grad(jax.scipy.special.log_ndtr)(-1e5)
right = 1e5  # φ(x) / Φ(x) = -x + 1/x - ... for x -> -∞""",
        {
            (_SPECIAL, "log_ndtr"): ("wide inputs", "±40", "±1e4"),
            (_STATS, "norm.logcdf"): ("wide inputs", "±40", "±1e4"),
            (_STATS, "norm.logsf"): ("wide inputs", "±40", "±1e4"),
        },
    ),
    Finding(
        "jax.scipy.special.digamma",
        "x = -9.3, float32",
        -6.23888e08,
        14.9775,
        "The derivative is polygamma(1, x), that is ζ(2, x), which JAX computes as if x were "
        "positive: "
        "wrong from about -9 on downwards, also in float64.",
        """\
gives = jax.grad(jax.scipy.special.digamma)(-9.3)
# Reflection: ψ′(x) = π² / sin²(πx) - ψ′(1 - x)
right = np.pi**2 / np.sin(np.pi * -9.3) ** 2 - sum(1 / (10.3 + np.arange(10**6)) ** 2)""",
        {(_SPECIAL, "digamma, of both signs"): ("wide inputs",)},
    ),
    Finding(
        "jax.scipy.special.boxcox",
        "x = 2, by λ, at λ = 0",
        0.0,
        0.240227,
        "Where λ = 0 another formula is taken, log x, which does not contain λ: the value is "
        "right, "
        "the derivative is 0. So does `boxcox1p`.",
        """\
gives = jax.grad(jax.scipy.special.boxcox, 1)(2.0, 0.0)
right = np.log(2) ** 2 / 2  # (x^λ - 1) / λ = log x + λ log² x / 2 + ...""",
        {
            (_SPECIAL, "boxcox"): ("zeros", "ties", "subnormal"),
            (_SPECIAL, "boxcox1p"): ("zeros", "ties", "subnormal"),
        },
    ),
    Finding(
        "jax.scipy.special.hyp1f1",
        "by a, at a = 0, b = 1, x = 2",
        0.0,
        3.68387,
        "₁F₁(0, b, x) = 1 has a case of its own, of which the derivative is taken: 0.",
        """\
gives = jax.grad(jax.scipy.special.hyp1f1)(0.0, 1.0, 2.0)
n = np.arange(1.0, 40.0)
right = sum(2**n / (n * np.cumprod(n)))  # (a)_n / a -> (n - 1)!, (1)_n = n!""",
        {(_SPECIAL, "hyp1f1"): ("ties",)},
    ),
    Finding(
        "jax.scipy.special.hyp1f1",
        "a = 1, b = 2, x = -30, by x, float32",
        -1132.02,
        0.00111111,
        "For negative x the series of the derivative alternates, and its terms are a million "
        "times as "
        "large as its sum; in float64 two digits are left at x = -40.",
        """\
gives = jax.grad(jax.scipy.special.hyp1f1, 2)(1.0, 2.0, -30.0)
right = (np.exp(-30) * -31 + 1) / 30**2  # of (exp(x) - 1) / x""",
        {
            (_SPECIAL, "hyp1f1"): (*_AS_GIVEN, "wide inputs", "±40", "±1e4"),
        },
    ),
    Finding(
        "jax.scipy.special.poch",
        "z = 0, m = 2",
        NAN,
        1.0,
        "The derivative is the function times ψ(z + m) - ψ(z), that is 0 · ∞.",
        """\
gives = jax.grad(jax.scipy.special.poch)(0.0, 2.0)
right = 1.0  # of z (z + 1) at 0""",
        {(_SPECIAL, "poch"): _AT_ZERO},
    ),
    Finding(
        "jax.scipy.special.xlogy",
        "x = 0, by y, at y = 0",
        NAN,
        0.0,
        "The value is defined as 0 for x = 0; the derivative by y is x / y = 0 / 0.",
        """\
gives = jax.grad(jax.scipy.special.xlogy, 1)(0.0, 0.0)
right = 0.0  # 0 log y is 0 for every y >= 0""",
        {(_SPECIAL, "xlogy"): _AT_ZERO, (_SPECIAL, "xlogy, x of both signs"): _AT_ZERO},
    ),
    Finding(
        "jax.scipy.stats.truncnorm.logcdf",
        "above the upper end, by that end",
        NAN,
        0.0,
        "Outside of the support the value is a constant, but NaN from the branch not taken stays "
        "in the "
        "derivative: see where.",
        """\
gives = jax.grad(jax.scipy.stats.truncnorm.logcdf, 2)(0.8, -0.5, 0.6)
right = 0.0  # log 1 = 0 for every x above the end""",
        {
            (_STATS, "truncnorm.logcdf"): ("wide inputs", "zeros", "±40", "±1e4", "subnormal"),
            (_STATS, "truncnorm.logsf"): ("wide inputs",),
        },
    ),
    Finding(
        "jax.scipy.stats.laplace.cdf",
        "x = 100, float32",
        NAN,
        0.0,
        "The branch that is not taken, exp(x) / 2, overflows, and 0 · ∞ is NaN: from 88.8 on in "
        "float32, from 709.8 on in float64.",
        """\
gives = jax.grad(jax.scipy.stats.laplace.cdf)(100.0)
right = np.float32(np.exp(-100) / 2)  # 0 in float32""",
        {(_STATS, "laplace.cdf"): ("±1e4",)},
    ),
    Finding(
        "jax.scipy.stats.gennorm.cdf",
        "x = 0, shape 1.5",
        NAN,
        0.553866,
        "The function is the incomplete gamma function of a power of the absolute value, whose "
        "derivatives at 0 are infinite and 0; so they are where the power "
        "underflows or overflows. The derivative is the density.",
        """\
gives = jax.grad(jax.scipy.stats.gennorm.cdf)(0.0, 1.5)
right = 1.5 / (2 * np.exp(jax.scipy.special.gammaln(1 / 1.5)))""",
        {(_STATS, "gennorm.cdf"): ("zeros", "ties", "wide inputs", "±40", "±1e4")},
    ),
    Finding(
        "jax.scipy.special.hyp2f1",
        "by a, at a = 0, b = 1, c = 2, x = 0.3",
        0.0,
        0.167758,
        "₂F₁(0, b, c, x) = 1 has a case of its own, of which the derivative is taken: 0.",
        """\
gives = jax.grad(jax.scipy.special.hyp2f1)(0.0, 1.0, 2.0, 0.3)
n = np.arange(1.0, 60.0)
right = sum(0.3**n / (n * (n + 1)))  # (a)_n / a -> (n - 1)!, (1)_n / (2)_n = 1 / (n + 1)""",
        {(_SPECIAL, "hyp2f1"): ("ties",)},
    ),
    Finding(
        "jax.scipy.special.bessel_jn",
        "order 0, x = 5, float32",
        2.13034,
        0.327579,
        "The recursion starts from numbers that float32 does not hold. The value is NaN below "
        "about 4; above, the value is right and the derivative is not. In float64 both are.",
        """\
gives = jax.grad(lambda x: jax.scipy.special.bessel_jn(x, v=0)[0])(5.0)
angles = np.pi * (np.arange(1000) + 0.5) / 1000
right = -np.mean(np.cos(angles - 5 * np.sin(angles)))  # J0' = -J1""",
        {
            (_SPECIAL, "bessel_jn, orders 0 to 3"): (
                *_AS_GIVEN,
                "ties",
                "equal rows",
                "axes of size 1",
            )
        },
    ),
    Finding(
        "jax.scipy.special.sph_harm_y",
        "degree 1, order 0, at the pole",
        NAN,
        0.0,
        "The derivative of the Legendre functions divides by sin θ.",
        """\
one, zero = jnp.array([1]), jnp.array([0])
y = lambda theta: jax.scipy.special.sph_harm_y(one, zero, theta[None], jnp.zeros(1), n_max=1)
gives = jax.grad(lambda theta: y(theta).real[0])(0.0)
right = 0.0  # of a constant times cos θ""",
        {
            (_SPECIAL, "sph_harm_y, real part, degrees 2, 1, 3 and orders 1, 0, 2"): (
                "zeros",
                "subnormal",
            )
        },
    ),
]
