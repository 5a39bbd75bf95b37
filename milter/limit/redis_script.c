#include "limit/redis_script.h"

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

const char redis_script[] =
    /* The time: never before the last that was seen. */
    "local t = redis.call('TIME')\n"
    "local now, last, shift = t[1] * 1000000 + t[2], 0, 0\n"
    "local seen = redis.call('GET', KEYS[1])\n"
    "if seen then\n"
    "  local a, b = string.match(seen, '^(%d+) (%d+)$')\n"
    "  if a then last, shift = tonumber(a), tonumber(b) end\n"
    "end\n"
    "local before = shift\n"
    "now = now + shift\n"
    /* More than ten years is no clock that went back: it is damage. */
    "if last - now > 315360000000000 then last, shift, now = 0, 0, now - shift end\n"
    "if now < last then shift, now = shift + (last - now), last end\n"
    "if now - last >= 1000000 or shift ~= before or #KEYS == 1 then\n"
    "  redis.call('SET', KEYS[1], string.format('%.0f %.0f', now, shift))\n"
    "end\n"
    /* What comes of each; the same key twice sees what the first did. */
    "local all, debts, changed, out = 1, {}, {}, {1}\n"
    "for i = 2, #KEYS do\n"
    "  local at, key = (i - 2) * 4, KEYS[i]\n"
    "  local op, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])\n"
    "  local most, least = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])\n"
    "  local debt = debts[key]\n"
    "  if not debt then\n"
    "    debt = 0\n"
    "    local us, ns = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')\n"
    "    if us then debt = (tonumber(us) - now) * 1000 + tonumber(ns) end\n"
    "    if debt < least then debt = least end\n"
    "    if debt < 0 then debt = 0 end\n"
    "  end\n"
    "  local fits = true\n"
    "  if op == 4 then\n"
    "    debt = debt > cost and debt - cost or 0\n"
    "    changed[key] = true\n"
    "  else\n"
    /* Further than any charge can have brought it: the clock, or the rate, was another. */
    "    if debt > most then debt = most end\n"
    "    fits = cost <= most - debt\n"
    "    if not fits and op < 2 then all = 0 end\n"
    "    if fits and (op == 1 or op == 3) then\n"
    "      debt = debt + cost\n"
    "      changed[key] = true\n"
    "    end\n"
    "  end\n"
    "  debts[key] = debt\n"
    "  out[#out + 1] = fits and 1 or 0\n"
    "  out[#out + 1] = debt\n"
    "end\n"
    "out[1] = all\n"
    "if all == 0 then return out end\n"
    "for key in pairs(changed) do\n"
    "  local debt = debts[key]\n"
    "  if debt <= 0 then\n"
    "    redis.call('DEL', key)\n"
    "  else\n"
    "    local us = math.floor(debt / 1000)\n"
    "    redis.call('SET', key, string.format('%.0f %.0f', now + us, debt - us * 1000),\n"
    "        'PX', string.format('%.0f', math.ceil(debt / 1000000) + 1000))\n"
    "  end\n"
    "end\n"
    "return out\n";

void redis_script_sha(char out[REDIS_SHA_SIZE])
{
	unsigned char hash[SHA_DIGEST_LENGTH];

	SHA1((const unsigned char *)redis_script, strlen(redis_script), hash);
	for (unsigned i = 0; i < SHA_DIGEST_LENGTH; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", hash[i]);
}
