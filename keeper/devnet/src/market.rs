//! The other people on the devnet: depositors, borrowers, and whoever answers the feeds.

use crate::{
    Devnet,
    accounts::Role,
    address_book::{Aave, AddressBook},
    builder::BuildError,
};
use alloy::{
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, I256, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::{SignerSync, local::PrivateKeySigner},
    sol,
    sol_types::{SolCall, SolStruct, eip712_domain},
    transports::{RpcError, TransportErrorKind},
};

sol! {
    interface IUsdc {
        function mint(address to, uint256 amount) external returns (bool);
        function approve(address spender, uint256 amount) external returns (bool);
        function nonces(address owner) external view returns (uint256);
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
        function balanceOf(address account) external view returns (uint256);
    }
    interface IVault4626 {
        function deposit(uint256 assets, address receiver) external returns (uint256 shares);
        function redeem(uint256 shares, address receiver, address owner) external returns (uint256 assets);
        function balanceOf(address account) external view returns (uint256);
        function maxRedeem(address owner) external view returns (uint256);
    }
    interface IAavePool {
        function borrow(address asset, uint256 amount, uint256 rateMode, uint16 referral, address onBehalfOf) external;
        function repay(address asset, uint256 amount, uint256 rateMode, address onBehalfOf) external returns (uint256);
    }
    interface IAaveAddressesProvider {
        function getPoolConfigurator() external view returns (address);
    }
    interface IAavePoolConfigurator {
        function setReservePause(address asset, bool paused) external;
    }
    struct MarketParams { address loanToken; address collateralToken; address oracle; address irm; uint256 lltv; }
    interface IMorphoBlue {
        function idToMarketParams(bytes32 id) external view returns (MarketParams memory);
        function borrow(MarketParams memory params, uint256 assets, uint256 shares, address onBehalf, address receiver) external returns (uint256, uint256);
        function repay(MarketParams memory params, uint256 assets, uint256 shares, address onBehalf, bytes data) external returns (uint256, uint256);
    }
    interface IScriptedFeed {
        function push(int256 answer) external;
        function pushRound(uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound) external;
        function setReverting(bool reverting) external;
        function latestAnswer() external view returns (int256);
    }
    interface IKillSwitch {
        function trip(uint8 trigger, address token) external;
        function observe(address[] calldata adapters) external;
    }
    /// EIP-2612.
    struct Permit { address owner; address spender; uint256 value; uint256 nonce; uint256 deadline; }
}

const VARIABLE_RATE: u64 = 2;
/// Plenty for an observation of a few venues.
const OBSERVE_GAS: u64 = 10_000_000;

/// One USD in a feed's eight decimals.
pub const USD: i64 = 100_000_000;

#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    #[error("the devnet refused a request: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("a development key does not parse: {0}")]
    Key(#[from] alloy::signers::local::LocalSignerError),
    #[error("cannot sign: {0}")]
    Sign(String),
    #[error("transaction {0} was not included in the block built for it")]
    NotIncluded(B256),
    #[error("transaction {0} reverted")]
    Reverted(B256),
    #[error("the answer to a call does not decode: {0}")]
    Decode(#[from] alloy::sol_types::Error),
    #[error("the endpoint {0} is not a URL")]
    Url(String),
}

/// Acts as the outside world; every act is a public transaction in a block of its own.
#[derive(Clone, Debug)]
pub struct Market<'a> {
    devnet: &'a Devnet,
    book: &'a AddressBook,
    rpc: DynProvider,
}

impl<'a> Market<'a> {
    /// The people around the contracts of `book`.
    ///
    /// # Errors
    /// [`MarketError::Url`] if the devnet's endpoint is none.
    pub fn new(devnet: &'a Devnet, book: &'a AddressBook) -> Result<Self, MarketError> {
        let url = devnet.rpc_url().parse().map_err(|_| MarketError::Url(devnet.rpc_url()))?;
        Ok(Self { devnet, book, rpc: ProviderBuilder::new().connect_http(url).erased() })
    }

    /// The public endpoint.
    #[must_use]
    pub fn rpc(&self) -> &DynProvider {
        &self.rpc
    }

    /// Sends a call from `role` and builds the block that includes it.
    ///
    /// # Errors
    /// [`MarketError::Reverted`] if it reverts, and whatever keeps it from being included.
    pub async fn send(&self, role: Role, to: Address, call: impl SolCall) -> Result<TransactionReceipt, MarketError> {
        let hash = self.submit(role.signer()?, to, call.abi_encode().into()).await?;
        self.included(hash).await
    }

    async fn included(&self, hash: B256) -> Result<TransactionReceipt, MarketError> {
        self.devnet.builder().build_block().await?;
        let receipt = self.rpc.get_transaction_receipt(hash).await?.ok_or(MarketError::NotIncluded(hash))?;
        if receipt.status() { Ok(receipt) } else { Err(MarketError::Reverted(hash)) }
    }

    /// Puts a call into the public pool without building a block.
    ///
    /// # Errors
    /// If the devnet refuses it; a call that would revert is refused by the gas estimate.
    pub async fn submit(&self, signer: PrivateKeySigner, to: Address, input: Bytes) -> Result<B256, MarketError> {
        let from = signer.address();
        let request = TransactionRequest::default().with_from(from).with_to(to).with_input(input);
        let gas = self.rpc.estimate_gas(request.clone()).await?;
        self.submit_with_gas(signer, request, gas + gas / 4).await
    }

    /// As [`Self::submit`] with this gas, hence also for a call that would revert.
    ///
    /// # Errors
    /// If the devnet refuses it.
    pub async fn submit_with_gas(
        &self,
        signer: PrivateKeySigner,
        request: TransactionRequest,
        gas_limit: u64,
    ) -> Result<B256, MarketError> {
        let from = signer.address();
        let fees = self.rpc.estimate_eip1559_fees().await?;
        let envelope = request
            .with_chain_id(self.book.chain_id)
            .with_nonce(self.rpc.get_transaction_count(from).pending().await?)
            .with_gas_limit(gas_limit)
            .with_max_fee_per_gas(fees.max_fee_per_gas * 2)
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas)
            .build(&EthereumWallet::from(signer))
            .await
            .map_err(|error| MarketError::Sign(error.to_string()))?;
        Ok(*self.rpc.send_raw_transaction(&envelope.encoded_2718()).await?.tx_hash())
    }

    /// As [`Self::send`] with this gas. An estimate finds the least with which a call does not revert, which is too little where
    /// venues are read or left one by one and one that fails for want of gas is no error.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_with_gas(
        &self,
        role: Role,
        to: Address,
        call: impl SolCall,
        gas: u64,
    ) -> Result<TransactionReceipt, MarketError> {
        let signer = role.signer()?;
        let request =
            TransactionRequest::default().with_from(signer.address()).with_to(to).with_input(call.abi_encode());
        let hash = self.submit_with_gas(signer, request, gas).await?;
        self.included(hash).await
    }

    /// Has the kill switch observe the size of every venue.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn observe_venues(&self) -> Result<TransactionReceipt, MarketError> {
        let call = IKillSwitch::observeCall { adapters: self.book.contracts.adapters.clone() };
        self.send_with_gas(Role::Guardian, self.book.contracts.kill_switch, call, OBSERVE_GAS).await
    }

    /// The result of a call that changes nothing.
    ///
    /// # Errors
    /// If it reverts or does not decode.
    pub async fn read<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, MarketError> {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        Ok(C::abi_decode_returns(&self.rpc.call(request).await?)?)
    }

    /// Mints USDC; amounts are base units (10⁻⁶).
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn mint_usdc(&self, to: Address, amount: u64) -> Result<(), MarketError> {
        let call = IUsdc::mintCall { to, amount: U256::from(amount) };
        self.send(Role::Deployer, self.book.protocols.usdc, call).await.map(drop)
    }

    /// Approves and deposits.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn deposit(&self, role: Role, amount: u64) -> Result<TransactionReceipt, MarketError> {
        let (vault, assets) = (self.book.contracts.vault, U256::from(amount));
        self.send(role, self.book.protocols.usdc, IUsdc::approveCall { spender: vault, amount: assets }).await?;
        self.send(role, vault, IVault4626::depositCall { assets, receiver: role.address()? }).await
    }

    /// Deposits on an EIP-2612 permit instead of an approval; anyone may hand the permit in, and here the guardian does.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn deposit_by_permit(&self, role: Role, amount: u64) -> Result<TransactionReceipt, MarketError> {
        let (vault, usdc, assets) = (self.book.contracts.vault, self.book.protocols.usdc, U256::from(amount));
        let owner = role.address()?;
        let nonce = self.read(usdc, IUsdc::noncesCall { owner }).await?;
        let permit = Permit { owner, spender: vault, value: assets, nonce, deadline: U256::MAX };
        let domain = eip712_domain! {
            name: "USD Coin",
            version: "2",
            chain_id: self.book.chain_id,
            verifying_contract: usdc,
        };
        let signature = role
            .signer()?
            .sign_hash_sync(&permit.eip712_signing_hash(&domain))
            .map_err(|error| MarketError::Sign(error.to_string()))?;
        let call = IUsdc::permitCall {
            owner,
            spender: vault,
            value: assets,
            deadline: U256::MAX,
            v: 27 + u8::from(signature.v()),
            r: signature.r().into(),
            s: signature.s().into(),
        };
        self.send(Role::Guardian, usdc, call).await?;
        self.send(role, vault, IVault4626::depositCall { assets, receiver: owner }).await
    }

    /// Redeems all shares of `role`.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn redeem_all(&self, role: Role) -> Result<TransactionReceipt, MarketError> {
        self.redeem(role, self.shares(role).await?).await
    }

    /// The vault's shares that `role` holds.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn shares(&self, role: Role) -> Result<U256, MarketError> {
        self.read(self.book.contracts.vault, IVault4626::balanceOfCall { account: role.address()? }).await
    }

    /// Redeems as many shares of `role` as the vault can pay now.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn redeem_what_is_liquid(&self, role: Role) -> Result<TransactionReceipt, MarketError> {
        let owner = role.address()?;
        let shares = self.read(self.book.contracts.vault, IVault4626::maxRedeemCall { owner }).await?;
        self.redeem(role, shares).await
    }

    async fn redeem(&self, role: Role, shares: U256) -> Result<TransactionReceipt, MarketError> {
        let owner = role.address()?;
        let call = IVault4626::redeemCall { shares, receiver: owner, owner };
        self.send(role, self.book.contracts.vault, call).await
    }

    /// The outside borrower draws USDC from Aave.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn borrow_aave(&self, amount: u64) -> Result<(), MarketError> {
        let call = IAavePool::borrowCall {
            asset: self.book.protocols.usdc,
            amount: U256::from(amount),
            rateMode: U256::from(VARIABLE_RATE),
            referral: 0,
            onBehalfOf: Role::Borrower.address()?,
        };
        self.send(Role::Borrower, self.book.protocols.aave.pool, call).await.map(drop)
    }

    /// The outside borrower repays freshly minted USDC to Aave.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn repay_aave(&self, amount: u64) -> Result<(), MarketError> {
        let borrower = Role::Borrower.address()?;
        let pool = self.book.protocols.aave.pool;
        self.mint_usdc(borrower, amount).await?;
        let amount = U256::from(amount);
        self.send(Role::Borrower, self.book.protocols.usdc, IUsdc::approveCall { spender: pool, amount }).await?;
        let call = IAavePool::repayCall {
            asset: self.book.protocols.usdc,
            amount,
            rateMode: U256::from(VARIABLE_RATE),
            onBehalfOf: borrower,
        };
        self.send(Role::Borrower, pool, call).await.map(drop)
    }

    /// The administrators of an Aave instance pause its USDC reserve, so that nothing can be supplied or withdrawn, or let it go on.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn pause_aave(&self, aave: &Aave, paused: bool) -> Result<TransactionReceipt, MarketError> {
        let provider = aave.addresses_provider;
        let configurator = self.read(provider, IAaveAddressesProvider::getPoolConfiguratorCall {}).await?;
        let call = IAavePoolConfigurator::setReservePauseCall { asset: self.book.protocols.usdc, paused };
        self.send(Role::Deployer, configurator, call).await
    }

    /// The outside borrower draws USDC from the Morpho market under the MetaMorpho.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn borrow_morpho(&self, amount: u64) -> Result<(), MarketError> {
        let borrower = Role::Borrower.address()?;
        let call = IMorphoBlue::borrowCall {
            params: self.morpho_params().await?,
            assets: U256::from(amount),
            shares: U256::ZERO,
            onBehalf: borrower,
            receiver: borrower,
        };
        self.send(Role::Borrower, self.book.protocols.morpho.blue, call).await.map(drop)
    }

    /// The outside borrower repays freshly minted USDC to the Morpho market.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn repay_morpho(&self, amount: u64) -> Result<(), MarketError> {
        let borrower = Role::Borrower.address()?;
        let blue = self.book.protocols.morpho.blue;
        self.mint_usdc(borrower, amount).await?;
        let assets = U256::from(amount);
        let approve = IUsdc::approveCall { spender: blue, amount: assets };
        self.send(Role::Borrower, self.book.protocols.usdc, approve).await?;
        let call = IMorphoBlue::repayCall {
            params: self.morpho_params().await?,
            assets,
            shares: U256::ZERO,
            onBehalf: borrower,
            data: Bytes::new(),
        };
        self.send(Role::Borrower, blue, call).await.map(drop)
    }

    /// Answers a feed's next round with `price` in its eight decimals.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn push_price(&self, feed: Address, price: i64) -> Result<TransactionReceipt, MarketError> {
        // Every i64 fits 256 bits.
        let answer = I256::try_from(price).unwrap_or_default();
        self.send(Role::Deployer, feed, IScriptedFeed::pushCall { answer }).await
    }

    /// Repeats every feed's latest answer now.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn refresh_feeds(&self) -> Result<(), MarketError> {
        let feeds = self.book.protocols.feeds;
        for feed in [feeds.usdc_usd, feeds.usdt_usd, feeds.eth_usd] {
            let answer = self.read(feed, IScriptedFeed::latestAnswerCall {}).await?;
            self.send(Role::Deployer, feed, IScriptedFeed::pushCall { answer }).await?;
        }
        Ok(())
    }

    /// Lets chain time pass, and the feeds answer as they would have.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn pass_time(&self, seconds: u64) -> Result<(), MarketError> {
        self.devnet.builder().advance_time(seconds).await?;
        self.devnet.builder().build_block().await?;
        self.refresh_feeds().await
    }

    async fn morpho_params(&self) -> Result<MarketParams, MarketError> {
        let morpho = self.book.protocols.morpho;
        self.read(morpho.blue, IMorphoBlue::idToMarketParamsCall { id: morpho.market_id }).await
    }
}
