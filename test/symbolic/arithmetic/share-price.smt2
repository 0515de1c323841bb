; What a share is worth never falls by a trade, for whole numbers of any size (SPEC C1).
;
; T is totalAssets + 1 and S is totalSupply + 10^6 before the trade; a assets are traded for s shares. VaultSharesSymbolic proves that the
; vault trades exactly these amounts and that T and S move by exactly a and s. A price that no trade lowers is a price at which no
; sequence of trades, by whomever, takes out more than it put in: what one gains another would have to lose.
;
; Each query denies what is claimed. `unsat`: nothing contradicts it. Those that end in -unrounded or -reversed take the claim's reason
; away and must be `sat`: the method can fail.
(set-logic QF_NIA)
(declare-const T Int)
(declare-const S Int)
(declare-const a Int)
(declare-const s Int)
(declare-const b Int)
(assert (and (> T 0) (> S 0) (>= a 0) (>= s 0) (>= b 0)))

; query deposit-keeps-the-price: unsat
(push)
(assert (<= (* s T) (* a S)))
(assert (< (* (+ T a) S) (* T (+ S s))))
(check-sat)
(pop)

; query mint-keeps-the-price: unsat. a is rounded up: a * S >= s * T.
(push)
(assert (>= (* a S) (* s T)))
(assert (< (* (+ T a) S) (* T (+ S s))))
(check-sat)
(pop)

; query withdraw-keeps-the-price: unsat. s is rounded up.
(push)
(assert (and (< a T) (< s S)))
(assert (>= (* s T) (* a S)))
(assert (< (* (- T a) S) (* T (- S s))))
(check-sat)
(pop)

; query redeem-keeps-the-price: unsat. a is rounded down.
(push)
(assert (and (< a T) (< s S)))
(assert (<= (* a S) (* s T)))
(assert (< (* (- T a) S) (* T (- S s))))
(check-sat)
(pop)

; query deposit-then-redeem-never-profits: unsat
(push)
(assert (<= (* s T) (* a S)))
(assert (<= (* b (+ S s)) (* s (+ T a))))
(assert (> b a))
(check-sat)
(pop)

; query mint-then-withdraw-never-profits: unsat. To get back the a assets paid for s shares takes b shares, and b is not less.
(push)
(assert (>= (* a S) (* s T)))
(assert (>= (* b (+ T a)) (* a (+ S s))))
(assert (< b s))
(check-sat)
(pop)

; query withdraw-then-deposit-never-profits: unsat. The a assets that s shares paid for buy b shares, and b is not more.
(push)
(assert (and (< a T) (< s S)))
(assert (>= (* s T) (* a S)))
(assert (<= (* b (- T a)) (* a (- S s))))
(assert (> b s))
(check-sat)
(pop)

; query redeem-then-mint-never-profits: unsat. To get back the s shares redeemed for a assets takes b assets, and b is not less.
(push)
(assert (and (< a T) (< s S)))
(assert (<= (* a S) (* s T)))
(assert (>= (* b (- S s)) (* s (- T a))))
(assert (< b a))
(check-sat)
(pop)

; query deposit-then-redeem-unrounded: sat. With shares rounded up instead, a trader can gain.
(push)
(assert (and (>= (* s T) (* a S)) (< (* (- s 1) T) (* a S))))
(assert (and (<= (* b (+ S s)) (* s (+ T a))) (> (* (+ b 1) (+ S s)) (* s (+ T a)))))
(assert (> b a))
(check-sat)
(pop)

; query withdraw-unrounded: sat. With shares rounded down instead, the price can fall.
(push)
(assert (and (< a T) (< s S)))
(assert (and (<= (* s T) (* a S)) (> (* (+ s 1) T) (* a S))))
(assert (< (* (- T a) S) (* T (- S s))))
(check-sat)
(pop)
