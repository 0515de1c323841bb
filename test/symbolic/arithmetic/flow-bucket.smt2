; What is added to one venue within any time of t seconds is at most one bucket and what it drains in t: B * (1 + t / 86400), rounded down
; never up (SPEC C5), while the bucket's size B stays the same; with a moving NAV, B is the largest that it had.
;
; By induction over the additions. f is what is in the bucket after the last one, A what was accepted after the first, c the level right
; after the first, e the seconds since it. Invariant: A + c <= f + (what drained) and 86400 * (what drained) <= B * e. RebalanceSymbolic
; proves of each accepted addition x, dt seconds later: f' = max(0, f - d) + x with d = B * dt / 86400 rounded down, and f' <= B.
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
(assert (and (<= (* 86400 d) (* B dt)) (< (* B dt) (* 86400 (+ d 1)))))
(assert (<= (+ A c) (+ f w)))
(assert (<= (* 86400 w) (* B e)))

; query an-accepted-addition-keeps-the-invariant: unsat. The drained total w grows by d.
(push)
(assert (<= next B))
(assert (not (and (<= (+ A x c) (+ next (+ w d))) (<= (* 86400 (+ w d)) (* B (+ e dt))))))
(check-sat)
(pop)

; query the-invariant-bounds-the-flow: unsat. All that was accepted, the first addition (at most c) included.
(push)
(assert (<= f B))
(assert (> (* 86400 (+ A c)) (+ (* 86400 B) (* B e))))
(check-sat)
(pop)

; query the-bucket-drains-monotonically: unsat. Without an addition, later is never fuller.
(push)
(declare-const d2 Int)
(declare-const dt2 Int)
(assert (>= dt2 dt))
(assert (and (>= d2 0) (<= (* 86400 d2) (* B dt2)) (< (* B dt2) (* 86400 (+ d2 1)))))
(assert (> (ite (> f d2) (- f d2) 0) kept))
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
