/*
 * The one script that counts at the server: all of an event's limits, or none.
 *
 * Each key holds when its debt will be paid, as in limit/gcra.h, in whole microseconds and the
 * nanoseconds that are left: a difference of both is exact in a script's doubles for up to 104
 * days, and so are the sums made of it; beyond that it is to 64 ns. A key expires when nothing is
 * owed any more.
 *
 * Time is the server's, so that the hosts need not agree on theirs, and it never goes back: the
 * first key holds the last time seen, to the second, and by how much the server's clock went back
 * since. A clock that jumps forward can't be told from time that passed.
 *
 *     KEYS  the clock, a key for each thing
 *     ARGV  for each: kind (enum redis_op), cost, tolerance, what it owes at least; nanoseconds
 *     reply [all, fits, debt, fits, debt, ...]
 *
 * Without a thing it writes the clock: a server that can't write says so.
 */
#ifndef LIMIT_REDIS_SCRIPT_H
#define LIMIT_REDIS_SCRIPT_H

enum redis_op {
	REDIS_LOOK,        /* would it fit? If not, nothing is charged. */
	REDIS_CHARGE,      /* if it does not fit, nothing is charged */
	REDIS_LOOK_SOFT,   /* whether it fits or not does not matter to the others */
	REDIS_CHARGE_SOFT, /* charged if it fits; whether or not does not matter to the others */
	REDIS_REFUND,      /* the cost is given back */
};

enum { REDIS_ARGUMENTS = 4, REDIS_SHA_SIZE = 41 };

extern const char redis_script[];

/* The name by which the server knows it: 40 hexadecimal digits. */
void redis_script_sha(char out[REDIS_SHA_SIZE]);

#endif
