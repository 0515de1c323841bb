; What is added to one venue within any time of t seconds is at most one bucket and what it drains in t: B * (1 + t / 86400), rounded down
; never up (SPEC C5). So no day adds more than twice the bucket and no two days more than three times. All is in basis points of NAV, each
; addition of the NAV that it was made at; B is the bucket's size, the largest that it had if governance changed it.
;
; By induction over the writes of the bucket. f is what is in it after the last one, A what was accepted after the first, c the level right
; after the first, e the seconds since it. Invariant: A + c <= f + (what drained) and 86400 * (what drained) <= B * e. RebalanceSymbolic
; proves of each write, dt seconds later: f' = max(0, f - d) + x with d = B * dt / 86400 rounded down; x is an addition's part of NAV, rounded
; up, and f' <= B; or the write is due to an addition to another venue, and x is 0. Of an addition, a is the assets and N the NAV.
(set-logic QF_NIA)
(declare-const B Int)
(declare-const A Int)
(declare-const c Int)
(declare-const f Int)
(declare-const e Int)
(declare-const w Int)
(declare-const x Int)
(declare-const dt Int)
(declare-const d Int)
(define-fun kept () Int (ite (> f d) (- f d) 0))
(define-fun next () Int (+ kept x))
(assert (and (>= B 0) (>= A 0) (>= c 0) (>= f 0) (>= e 0) (>= w 0) (>= x 0) (>= dt 0) (>= d 0)))
(assert (<= c B))
; Of a bucket that was smaller for a while less drains: what holds of a bucket of one size only says so by asserting `whole`.
(define-fun whole () Bool (< (* B dt) (* 86400 (+ d 1))))
(assert (<= (* 86400 d) (* B dt)))
(assert (<= (+ A c) (+ f w)))
(assert (<= (* 86400 w) (* B e)))

; query the-invariant-holds-after-the-first-write: unsat
(push)
(assert (and (= A 0) (= f c) (= w 0) (= e 0)))
(assert (not (and (<= (+ A c) (+ f w)) (<= (* 86400 w) (* B e)))))
(check-sat)
(pop)

; query every-write-keeps-the-invariant: unsat. The drained total w grows by d.
(push)
(assert (not (and (<= (+ A x c) (+ next (+ w d))) (<= (* 86400 (+ w d)) (* B (+ e dt))))))
(check-sat)
(pop)

; query the-invariant-bounds-the-flow: unsat. All that was accepted, the first addition (at most c) included.
(push)
(assert (<= f B))
(assert (> (* 86400 (+ A c)) (+ (* 86400 B) (* B e))))
(check-sat)
(pop)

; query no-day-adds-more-than-twice-the-bucket: unsat
(push)
(assert (and (<= f B) (<= e 86400)))
(assert (> (+ A c) (* 2 B)))
(check-sat)
(pop)

; query no-two-days-add-more-than-three-times-the-bucket: unsat
(push)
(assert (and (<= f B) (<= e 172800)))
(assert (> (+ A c) (* 3 B)))
(check-sat)
(pop)

; query the-bucket-drains-monotonically: unsat. Without an addition, later is never fuller.
(push)
(assert whole)
(declare-const d2 Int)
(declare-const dt2 Int)
(assert (>= dt2 dt))
(assert (and (>= d2 0) (<= (* 86400 d2) (* B dt2)) (< (* B dt2) (* 86400 (+ d2 1)))))
(assert (> (ite (> f d2) (- f d2) 0) kept))
(check-sat)
(pop)

; query a-day-empties-the-bucket: unsat. One that is not overfull; a second less would do for none that is full.
(push)
(assert whole)
(assert (and (<= f B) (>= dt 86400)))
(assert (> kept 0))
(check-sat)
(pop)

; query draining-in-two-steps-drains-no-more: unsat. A write due to another venue in between, dt2 seconds later, does not empty this bucket faster.
(push)
(assert whole)
(declare-const dt2 Int)
(declare-const d2 Int)
(declare-const both Int)
(assert (and (>= dt2 0) (>= d2 0) (>= both 0)))
(assert (and (<= (* 86400 d2) (* B dt2)) (< (* B dt2) (* 86400 (+ d2 1)))))
(assert (and (<= (* 86400 both) (* B (+ dt dt2))) (< (* B (+ dt dt2)) (* 86400 (+ both 1)))))
(assert (< (ite (> kept d2) (- kept d2) 0) (ite (> f both) (- f both) 0)))
(check-sat)
(pop)

; query a-full-bucket-fits-its-lane: unsat. B is at most 10000 (LanesSymbolic), a lane holds 14 bits.
(push)
(assert (and (<= B 10000) (<= next B)))
(assert (>= next 16384))
(check-sat)
(pop)

; query an-addition-is-at-most-what-is-counted: unsat. 10000 * a / N rounded up: a bucket holds at least the assets that it counts.
(push)
(declare-const a Int)
(declare-const N Int)
(assert (and (> N 0) (> a 0)))
(assert (and (< (* (- x 1) N) (* 10000 a)) (<= (* 10000 a) (* x N))))
(assert (<= next B))
(assert (> (* 10000 a) (* B N)))
(check-sat)
(pop)

; query an-addition-counts-less-than-a-basis-point-too-much: unsat
(push)
(declare-const a Int)
(declare-const N Int)
(assert (and (> N 0) (> a 0)))
(assert (and (< (* (- x 1) N) (* 10000 a)) (<= (* 10000 a) (* x N))))
(assert (>= (* x N) (+ (* 10000 a) N)))
(check-sat)
(pop)

; query unchecked-additions-break-the-bound: sat. Without f' <= B the flow is not bounded.
(push)
(assert (= f next))
(assert (> (* 86400 (+ A c)) (+ (* 86400 B) (* B e))))
(check-sat)
(pop)

; query draining-rounded-up-breaks-the-invariant: sat
(push)
(assert (<= (+ (ite (> f (+ d 1)) (- f (+ d 1)) 0) x) B))
(assert (not (<= (+ A x c) (+ (ite (> f (+ d 1)) (- f (+ d 1)) 0) x w d))))
(check-sat)
(pop)

; query an-addition-rounded-down-is-more-than-what-is-counted: sat. With the share rounded down, a full bucket may have taken more than B.
(push)
(declare-const a Int)
(declare-const N Int)
(assert (and (> N 0) (> a 0)))
(assert (and (<= (* x N) (* 10000 a)) (< (* 10000 a) (* (+ x 1) N))))
(assert (<= next B))
(assert (> (* 10000 a) (* B N)))
(check-sat)
(pop)
