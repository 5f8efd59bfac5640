/* Epoch-aligned forward decay.
 *
 * Wanted: S(T) = sum of w_i 2^(-(T - t_i)/H) over events (t_i, w_i), kept up event by event, in any
 * order of arrival, on any machine, to the same bits.  A running float cannot: addition of floats
 * depends on its order.  So the sum is an integer.
 *
 * Time is cut into epochs of one half-life: e = floor(t/H), f = t/H - e.  An event contributes
 *
 *     m = round(w * 2^f * 2^M),   q = m * 2^Z
 *
 * (M mantissa bits, Z spare bits) in units of 2^(e-M-Z).  The sum A is in units of 2^(E-M-Z), E
 * being the epoch of its newest event:
 *
 *     a newer event comes:    A = floor(A / 2^(e-E)), E = e, then A += q
 *     an older event comes:   A += floor(q / 2^(E-e))
 *
 * Claim: if no event is older than the newest by more than Z half-lives when it comes, then
 * A = floor(sum of q_i 2^(e_i - E)) whatever the order.  Proof: floor(floor(V)/2^k) = floor(V/2^k),
 * so the first rule keeps the equation.  For k <= Z, q/2^k is a whole number n, and
 * floor(V) + n = floor(V + n), so the second keeps it; E is a maximum.  The right side depends on
 * the set of events alone.
 *
 * Z = ceil(lateness/H) + 1 makes that hold for every event within the lateness bound, as long as it
 * is at most 60; a half-life shorter than 1/59 of the bound has Z = 60, and what comes more than 60
 * half-lives after its time (and so weighs less than 2^-60) may leave a trace of its order in the
 * lowest bits.  The same holds for a state that is taken back more than Z half-lives after it was
 * set.  A removal is the negated addition, magnitude by magnitude: within Z it cancels to the bit.
 *
 * Reading is A * 2^(E - floor(T/H)) * 2^-frac(T/H) / 2^(M+Z): all but the first two factors are the
 * same for every record, so a read needs no exponential.  Relative error: half a unit of m, 2^-23
 * for w >= 1 (a smaller w has fewer bits).
 *
 * Forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009; the landmark that moves with each
 * record, and its spare bits, are ours.  Not chosen: doubles relative to one landmark, which
 * overflow after 1024 half-lives and whose sums depend on their order.
 *
 * A sum stays within +-2^126: room for 4096 events of the largest value (2^31) in one epoch at
 * Z = 60; beyond that it stays at its bound, and what follows depends on the order. */
#include "base/decay.h"

#include <assert.h>
#include <float.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");

#define SUM_BOUND ((decay_sum)1 << DECAY_SUM_BITS)

const double decay_exp2_table[257] = {
    0x1.0000000000000p+0, 0x1.00b1afa5abcbfp+0, 0x1.0163da9fb3335p+0, 0x1.02168143b0281p+0,
    0x1.02c9a3e778061p+0, 0x1.037d42e11bbccp+0, 0x1.04315e86e7f85p+0, 0x1.04e5f72f654b1p+0,
    0x1.059b0d3158574p+0, 0x1.0650a0e3c1f89p+0, 0x1.0706b29ddf6dep+0, 0x1.07bd42b72a836p+0,
    0x1.0874518759bc8p+0, 0x1.092bdf66607e0p+0, 0x1.09e3ecac6f383p+0, 0x1.0a9c79b1f3919p+0,
    0x1.0b5586cf9890fp+0, 0x1.0c0f145e46c85p+0, 0x1.0cc922b7247f7p+0, 0x1.0d83b23395decp+0,
    0x1.0e3ec32d3d1a2p+0, 0x1.0efa55fdfa9c5p+0, 0x1.0fb66affed31bp+0, 0x1.1073028d7233ep+0,
    0x1.11301d0125b51p+0, 0x1.11edbab5e2ab6p+0, 0x1.12abdc06c31ccp+0, 0x1.136a814f204abp+0,
    0x1.1429aaea92de0p+0, 0x1.14e95934f312ep+0, 0x1.15a98c8a58e51p+0, 0x1.166a45471c3c2p+0,
    0x1.172b83c7d517bp+0, 0x1.17ed48695bbc0p+0, 0x1.18af9388c8deap+0, 0x1.1972658375d2fp+0,
    0x1.1a35beb6fcb75p+0, 0x1.1af99f8138a1cp+0, 0x1.1bbe084045cd4p+0, 0x1.1c82f95281c6bp+0,
    0x1.1d4873168b9aap+0, 0x1.1e0e75eb44027p+0, 0x1.1ed5022fcd91dp+0, 0x1.1f9c18438ce4dp+0,
    0x1.2063b88628cd6p+0, 0x1.212be3578a819p+0, 0x1.21f49917ddc96p+0, 0x1.22bdda27912d1p+0,
    0x1.2387a6e756238p+0, 0x1.2451ffb82140ap+0, 0x1.251ce4fb2a63fp+0, 0x1.25e85711ece75p+0,
    0x1.26b4565e27cddp+0, 0x1.2780e341ddf29p+0, 0x1.284dfe1f56381p+0, 0x1.291ba7591bb70p+0,
    0x1.29e9df51fdee1p+0, 0x1.2ab8a66d10f13p+0, 0x1.2b87fd0dad990p+0, 0x1.2c57e39771b2fp+0,
    0x1.2d285a6e4030bp+0, 0x1.2df961f641589p+0, 0x1.2ecafa93e2f56p+0, 0x1.2f9d24abd886bp+0,
    0x1.306fe0a31b715p+0, 0x1.31432edeeb2fdp+0, 0x1.32170fc4cd831p+0, 0x1.32eb83ba8ea32p+0,
    0x1.33c08b26416ffp+0, 0x1.3496266e3fa2dp+0, 0x1.356c55f929ff1p+0, 0x1.36431a2de883bp+0,
    0x1.371a7373aa9cbp+0, 0x1.37f26231e754ap+0, 0x1.38cae6d05d866p+0, 0x1.39a401b7140efp+0,
    0x1.3a7db34e59ff7p+0, 0x1.3b57fbfec6cf4p+0, 0x1.3c32dc313a8e5p+0, 0x1.3d0e544ede173p+0,
    0x1.3dea64c123422p+0, 0x1.3ec70df1c5175p+0, 0x1.3fa4504ac801cp+0, 0x1.40822c367a024p+0,
    0x1.4160a21f72e2ap+0, 0x1.423fb2709468ap+0, 0x1.431f5d950a897p+0, 0x1.43ffa3f84b9d4p+0,
    0x1.44e086061892dp+0, 0x1.45c2042a7d232p+0, 0x1.46a41ed1d0057p+0, 0x1.4786d668b3237p+0,
    0x1.486a2b5c13cd0p+0, 0x1.494e1e192aed2p+0, 0x1.4a32af0d7d3dep+0, 0x1.4b17dea6db7d7p+0,
    0x1.4bfdad5362a27p+0, 0x1.4ce41b817c114p+0, 0x1.4dcb299fddd0dp+0, 0x1.4eb2d81d8abffp+0,
    0x1.4f9b2769d2ca7p+0, 0x1.508417f4531eep+0, 0x1.516daa2cf6642p+0, 0x1.5257de83f4eefp+0,
    0x1.5342b569d4f82p+0, 0x1.542e2f4f6ad27p+0, 0x1.551a4ca5d920fp+0, 0x1.56070dde910d2p+0,
    0x1.56f4736b527dap+0, 0x1.57e27dbe2c4cfp+0, 0x1.58d12d497c7fdp+0, 0x1.59c0827ff07ccp+0,
    0x1.5ab07dd485429p+0, 0x1.5ba11fba87a03p+0, 0x1.5c9268a5946b7p+0, 0x1.5d84590998b93p+0,
    0x1.5e76f15ad2148p+0, 0x1.5f6a320dceb71p+0, 0x1.605e1b976dc09p+0, 0x1.6152ae6cdf6f4p+0,
    0x1.6247eb03a5585p+0, 0x1.633dd1d1929fdp+0, 0x1.6434634ccc320p+0, 0x1.652b9febc8fb7p+0,
    0x1.6623882552225p+0, 0x1.671c1c70833f6p+0, 0x1.68155d44ca973p+0, 0x1.690f4b19e9538p+0,
    0x1.6a09e667f3bcdp+0, 0x1.6b052fa75173ep+0, 0x1.6c012750bdabfp+0, 0x1.6cfdcddd47645p+0,
    0x1.6dfb23c651a2fp+0, 0x1.6ef9298593ae5p+0, 0x1.6ff7df9519484p+0, 0x1.70f7466f42e87p+0,
    0x1.71f75e8ec5f74p+0, 0x1.72f8286ead08ap+0, 0x1.73f9a48a58174p+0, 0x1.74fbd35d7cbfdp+0,
    0x1.75feb564267c9p+0, 0x1.77024b1ab6e09p+0, 0x1.780694fde5d3fp+0, 0x1.790b938ac1cf6p+0,
    0x1.7a11473eb0187p+0, 0x1.7b17b0976cfdbp+0, 0x1.7c1ed0130c132p+0, 0x1.7d26a62ff86f0p+0,
    0x1.7e2f336cf4e62p+0, 0x1.7f3878491c491p+0, 0x1.80427543e1a12p+0, 0x1.814d2add106d9p+0,
    0x1.82589994cce13p+0, 0x1.8364c1eb941f7p+0, 0x1.8471a4623c7adp+0, 0x1.857f4179f5b21p+0,
    0x1.868d99b4492edp+0, 0x1.879cad931a436p+0, 0x1.88ac7d98a6699p+0, 0x1.89bd0a478580fp+0,
    0x1.8ace5422aa0dbp+0, 0x1.8be05bad61778p+0, 0x1.8cf3216b5448cp+0, 0x1.8e06a5e0866d9p+0,
    0x1.8f1ae99157736p+0, 0x1.902fed0282c8ap+0, 0x1.9145b0b91ffc6p+0, 0x1.925c353aa2fe2p+0,
    0x1.93737b0cdc5e5p+0, 0x1.948b82b5f98e5p+0, 0x1.95a44cbc8520fp+0, 0x1.96bdd9a7670b3p+0,
    0x1.97d829fde4e50p+0, 0x1.98f33e47a22a2p+0, 0x1.9a0f170ca07bap+0, 0x1.9b2bb4d53fe0dp+0,
    0x1.9c49182a3f090p+0, 0x1.9d674194bb8d5p+0, 0x1.9e86319e32323p+0, 0x1.9fa5e8d07f29ep+0,
    0x1.a0c667b5de565p+0, 0x1.a1e7aed8eb8bbp+0, 0x1.a309bec4a2d33p+0, 0x1.a42c980460ad8p+0,
    0x1.a5503b23e255dp+0, 0x1.a674a8af46052p+0, 0x1.a799e1330b358p+0, 0x1.a8bfe53c12e59p+0,
    0x1.a9e6b5579fdbfp+0, 0x1.ab0e521356ebap+0, 0x1.ac36bbfd3f37ap+0, 0x1.ad5ff3a3c2774p+0,
    0x1.ae89f995ad3adp+0, 0x1.afb4ce622f2ffp+0, 0x1.b0e07298db666p+0, 0x1.b20ce6c9a8952p+0,
    0x1.b33a2b84f15fbp+0, 0x1.b468415b749b1p+0, 0x1.b59728de5593ap+0, 0x1.b6c6e29f1c52ap+0,
    0x1.b7f76f2fb5e47p+0, 0x1.b928cf22749e4p+0, 0x1.ba5b030a1064ap+0, 0x1.bb8e0b79a6f1fp+0,
    0x1.bcc1e904bc1d2p+0, 0x1.bdf69c3f3a207p+0, 0x1.bf2c25bd71e09p+0, 0x1.c06286141b33dp+0,
    0x1.c199bdd85529cp+0, 0x1.c2d1cd9fa652cp+0, 0x1.c40ab5fffd07ap+0, 0x1.c544778fafb22p+0,
    0x1.c67f12e57d14bp+0, 0x1.c7ba88988c933p+0, 0x1.c8f6d9406e7b5p+0, 0x1.ca3405751c4dbp+0,
    0x1.cb720dcef9069p+0, 0x1.ccb0f2e6d1675p+0, 0x1.cdf0b555dc3fap+0, 0x1.cf3155b5bab74p+0,
    0x1.d072d4a07897cp+0, 0x1.d1b532b08c968p+0, 0x1.d2f87080d89f2p+0, 0x1.d43c8eacaa1d6p+0,
    0x1.d5818dcfba487p+0, 0x1.d6c76e862e6d3p+0, 0x1.d80e316c98398p+0, 0x1.d955d71ff6075p+0,
    0x1.da9e603db3285p+0, 0x1.dbe7cd63a8315p+0, 0x1.dd321f301b460p+0, 0x1.de7d5641c0658p+0,
    0x1.dfc97337b9b5fp+0, 0x1.e11676b197d17p+0, 0x1.e264614f5a129p+0, 0x1.e3b333b16ee12p+0,
    0x1.e502ee78b3ff6p+0, 0x1.e653924676d76p+0, 0x1.e7a51fbc74c83p+0, 0x1.e8f7977cdb740p+0,
    0x1.ea4afa2a490dap+0, 0x1.eb9f4867cca6ep+0, 0x1.ecf482d8e67f1p+0, 0x1.ee4aaa2188510p+0,
    0x1.efa1bee615a27p+0, 0x1.f0f9c1cb6412ap+0, 0x1.f252b376bba97p+0, 0x1.f3ac948dd7274p+0,
    0x1.f50765b6e4540p+0, 0x1.f6632798844f8p+0, 0x1.f7bfdad9cbe14p+0, 0x1.f91d802243c89p+0,
    0x1.fa7c1819e90d8p+0, 0x1.fbdba3692d514p+0, 0x1.fd3c22b8f71f1p+0, 0x1.fe9d96b2a23d9p+0,
    0x1.0000000000000p+1};

static ALWAYS_INLINE double power_of_two(double fraction)
{
    assert(fraction >= 0 && fraction < 1);
    int nearest = (int)(fraction * 256.0 + 0.5);
    double x = (fraction - nearest * (1.0 / 256)) * DECAY_LN_2; /* |x| <= ln 2 / 512 */
    double series = 1.0 / 24 + x * (1.0 / 120);
    series = 1.0 / 6 + x * series;
    series = 0.5 + x * series;
    series = 1.0 + x * series;
    return decay_exp2_table[nearest] + decay_exp2_table[nearest] * (x * series);
}

double exp2_fraction(double fraction)
{
    return power_of_two(fraction);
}

double exp2_whole(int64_t power)
{
    assert(power <= 1023);
    if (power < -1022) return 0;
    uint64_t bits = (uint64_t)(power + 1023) << 52;
    double result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

struct decay decay_of(int64_t half_life_ms, int64_t lateness_ms)
{
    assert(half_life_ms > 0 && lateness_ms >= 0);
    int64_t half_lives = lateness_ms / half_life_ms + (lateness_ms % half_life_ms != 0);
    bool short_of_bits = half_lives >= DECAY_SPARE_BITS_MAXIMUM;
    return decay_with_spare_bits(half_life_ms,
                                 short_of_bits ? DECAY_SPARE_BITS_MAXIMUM : (int)half_lives + 1);
}

struct decay decay_with_spare_bits(int64_t half_life_ms, int spare_bits)
{
    assert(half_life_ms > 0 && spare_bits >= 0 && spare_bits <= DECAY_SPARE_BITS_MAXIMUM);
    return (struct decay){.half_life_ms = half_life_ms,
                          .inverse = 1 / (double)half_life_ms,
                          .spare_bits = spare_bits};
}

/* Floor of time / half-life, and what is left.  The quotient by the inverse is off by one at most
 * for times below 2^51, so the result is exact. */
static ALWAYS_INLINE int64_t divide(const struct decay *decay, int64_t time_ms, int64_t *left)
{
    const int64_t exact = INT64_C(1) << 51;
    if (time_ms <= -exact || time_ms >= exact)
        return floor_divide(time_ms, decay->half_life_ms, left);
    int64_t epoch = (int64_t)((double)time_ms * decay->inverse);
    *left = time_ms - epoch * decay->half_life_ms;
    if (*left < 0) {
        *left += decay->half_life_ms;
        epoch--;
    } else if (*left >= decay->half_life_ms) {
        *left -= decay->half_life_ms;
        epoch++;
    }
    assert(*left >= 0 && *left < decay->half_life_ms);
    return epoch;
}

int64_t decay_epoch(const struct decay *decay, int64_t time_ms)
{
    int64_t left;
    return divide(decay, time_ms, &left);
}

decay_sum decay_advance(const struct decay *decay, decay_sum sum, int64_t old_ms, int64_t new_ms)
{
    assert(new_ms >= old_ms);
    int64_t epochs = decay_epoch(decay, new_ms) - decay_epoch(decay, old_ms);
    return sum >> (epochs < 127 ? epochs : 127);
}

/* The contribution in units of its own epoch: m of the essay. */
static ALWAYS_INLINE int64_t mantissa(const struct decay *decay, int64_t left_ms, int64_t magnitude)
{
    double fraction = (double)left_ms / (double)decay->half_life_ms;
    if (fraction >= 1) return magnitude << (DECAY_MANTISSA_BITS - DECAY_VALUE_BITS + 1);
    double unit = power_of_two(fraction) * DECAY_UNIT;
    return (int64_t)((double)magnitude * unit + 0.5);
}

decay_sum decay_add(const struct decay *decay, decay_sum sum, int64_t newest_ms, int64_t time_ms,
                    int64_t value, int sign)
{
    assert(time_ms <= newest_ms);
    assert(sign == 1 || sign == -1);
    assert(value > -(INT64_C(1) << 48) && value < INT64_C(1) << 48);
    int64_t left_ms, epoch = divide(decay, time_ms, &left_ms);
    decay_sum contribution = mantissa(decay, left_ms, value < 0 ? -value : value);
    int64_t epochs = decay_epoch(decay, newest_ms) - epoch;
    if (epochs > 126) return sum;
    contribution = (contribution << decay->spare_bits) >> epochs;
    sum += (value < 0) == (sign < 0) ? contribution : -contribution;
    if (sum > SUM_BOUND) return SUM_BOUND;
    if (sum < -SUM_BOUND) return -SUM_BOUND;
    return sum;
}

void decay_event_init(struct decay_event *of, const struct decay *decay,
                      const struct contribution *event, bool adds)
{
    of->epoch = divide(decay, event->time_ms, &of->left_ms);
    of->mantissa =
        adds ? mantissa(decay, of->left_ms, event->value < 0 ? -event->value : event->value) : 0;
}

struct decay_now decay_now(const struct decay *decay, int64_t now_ms)
{
    int64_t left;
    int64_t epoch = divide(decay, now_ms, &left);
    double rest =
        left == 0 ? 0 : (double)(decay->half_life_ms - left) / (double)decay->half_life_ms;
    return (struct decay_now){
        .decay = *decay,
        .epoch = epoch,
        .scale = left == 0 || rest >= 1 ? 1 : power_of_two(rest) * 0.5,
    };
}

double decay_read(const struct decay_now *now, decay_sum sum, int64_t newest_ms)
{
    if (sum == 0) return 0;
    int64_t epochs = now->epoch - decay_epoch(&now->decay, newest_ms);
    if (epochs < 0) epochs = 0;
    return (double)sum * exp2_whole(-epochs - DECAY_MANTISSA_BITS - now->decay.spare_bits) *
           now->scale;
}
