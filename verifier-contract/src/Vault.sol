// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {DepositQueue} from "./DepositQueue.sol";
import {isCanonical} from "./Fields.sol";
import {Governed} from "./Governance.sol";
import {HeldWithdrawals} from "./HeldWithdrawals.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {HeldWithdrawal} from "./interfaces/IHeldWithdrawals.sol";
import {IRollup, Withdrawal} from "./interfaces/IRollup.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Vault
/// @notice See `IVault`. Only claims move assets out, and they pay only credited and held
/// amounts. For each asset: balance ≥ queued + inside + credited + held.
contract Vault is
    IVault,
    DepositQueue,
    HeldWithdrawals,
    Governed,
    ReentrancyGuardTransient,
    EIP712
{
    using SafeERC20 for IERC20;

    /// @dev Longest time for which the guardian pauses deposits without a break.
    uint256 private constant MAXIMUM_PAUSE = 3 days;
    uint256 private constant TAG_NOTE_INNER = 3;
    bytes32 private constant CLAIM_TYPEHASH = keccak256(
        "Claim(address account,uint16 asset,address to,uint256 least,uint256 nonce,uint256 deadline)"
    );

    /// @dev The amount that an account can claim, and the number of its claims, in one slot. An
    /// addition to the amount is below 2¹²⁸, so that 2⁶⁴ of them would be needed to exceed it.
    struct Credit {
        uint192 amount;
        uint64 claims;
    }

    /// @inheritdoc IVault
    IAssetRegistry public immutable registry;
    /// @inheritdoc IVault
    address public immutable rollup;

    /// @inheritdoc IVault
    address public guardian;
    /// @dev Time from which on the guardian may pause, Unix seconds: the end of the last pause plus
    /// its length. A pause ends `MAXIMUM_PAUSE` before, or has been ended earlier; so this alone
    /// tells whether deposits are paused, and shares the guardian's slot.
    uint32 private _pauseAllowedFrom;
    /// @inheritdoc IVault
    mapping(uint256 asset => uint256) public inside;
    mapping(uint256 asset => mapping(address account => Credit)) private _credits;

    modifier onlyRollup() {
        if (msg.sender != rollup) revert NotRollup(msg.sender);
        _;
    }

    /// @dev The rollup creates its vault and is the caller of this constructor.
    /// @param registry_ the registry of assets
    /// @param governance the owner; a timelock, except on development chains
    /// @param guardian_ the account that may pause deposits
    constructor(IAssetRegistry registry_, address governance, address guardian_)
        Governed(governance)
        EIP712("Subrosa Vault", "1")
    {
        if (guardian_ == address(0)) revert ZeroAddress();
        registry = registry_;
        rollup = msg.sender;
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @inheritdoc IVault
    function deposit(uint16 asset, uint256 amount, uint256 inner)
        external
        payable
        nonReentrant
        returns (uint64 index)
    {
        if (!isCanonical(inner)) revert InnerNotCanonical(inner);
        return _deposit(asset, amount, inner, false);
    }

    /// @inheritdoc IVault
    function depositNamed(uint16 asset, uint256 amount, uint256 owner, uint256 rcm)
        external
        payable
        nonReentrant
        returns (uint64 index)
    {
        uint256[] memory message = new uint256[](3);
        (message[0], message[2]) = (owner, rcm);
        uint256 inner = registry.poseidon().hash(TAG_NOTE_INNER, message);
        index = _deposit(asset, amount, inner, true);
        emit DepositNamed(index, owner, rcm);
    }

    /// @inheritdoc IVault
    function claim(uint16 asset, address to) external nonReentrant returns (uint256 amount) {
        return _claim(asset, msg.sender, to, 0, false);
    }

    /// @inheritdoc IVault
    function claimHeld(uint16 asset, address to, HeldWithdrawal[] calldata held)
        external
        nonReentrant
        returns (uint256 amount)
    {
        return _claim(asset, msg.sender, to, _release(asset, msg.sender, held), false);
    }

    /// @inheritdoc IVault
    function claimFor(
        uint16 asset,
        address account,
        address to,
        HeldWithdrawal[] calldata held,
        uint256 least,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant returns (uint256 amount) {
        if (block.timestamp > deadline) revert ClaimExpired(deadline);
        uint256 nonce = _credits[asset][account].claims;
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CLAIM_TYPEHASH, account, asset, to, least, nonce, deadline))
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert ClaimNotSigned(account);
        }
        amount = _claim(asset, account, to, _release(asset, account, held), true);
        if (amount < least) revert ClaimBelowLeast(amount, least);
    }

    /// @inheritdoc IVault
    function revokeClaims(uint16 asset) external {
        ++_credits[asset][msg.sender].claims;
    }

    /// @inheritdoc IVault
    function creditHeld(uint16 asset, address account, HeldWithdrawal[] calldata held) external {
        uint256 amount = _release(asset, account, held);
        if (amount == 0) revert NothingToClaim(asset, account);
        _credit(asset, account, amount);
    }

    /// @inheritdoc IVault
    function consume(uint256 time, bytes calldata data)
        external
        onlyRollup
        returns (uint256[] memory words)
    {
        return _consume(time, data, inside);
    }

    /// @inheritdoc IVault
    function credit(uint16 asset, address account, uint256 amount) external onlyRollup {
        _leave(asset, amount);
        _credit(asset, account, amount);
    }

    /// @inheritdoc IVault
    function creditWithdrawals(uint64 batch, Withdrawal[] memory withdrawals) external onlyRollup {
        uint256 credited_ = 0;
        uint256 unknown = 0;
        uint256 last = 0;
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            Withdrawal memory withdrawal = withdrawals[i];
            _leave(withdrawal.asset, withdrawal.amount);
            Credit storage known = _credits[withdrawal.asset][withdrawal.recipient];
            if (known.amount == 0 && known.claims == 0) {
                (unknown, last) = (unknown + 1, i);
            } else {
                _credit(withdrawal.asset, withdrawal.recipient, withdrawal.amount);
                credited_ |= 1 << i;
            }
        }
        if (unknown == 1) {
            Withdrawal memory withdrawal = withdrawals[last];
            _credit(withdrawal.asset, withdrawal.recipient, withdrawal.amount);
        } else if (unknown > 1) {
            _hold(batch, withdrawals, credited_);
        }
    }

    /// @inheritdoc IVault
    function setDepositsPaused(bool paused) external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        uint256 allowedFrom = _pauseAllowedFrom;
        uint256 until = block.timestamp;
        if (paused) {
            if (until < allowedFrom) revert PauseTooSoon(allowedFrom);
            until += MAXIMUM_PAUSE;
            allowedFrom = until + MAXIMUM_PAUSE;
        } else {
            if (!depositsPaused()) revert DepositsNotPaused();
            // The pause began 2 · MAXIMUM_PAUSE before `allowedFrom`.
            allowedFrom = 2 * (until + MAXIMUM_PAUSE) - allowedFrom;
        }
        _pauseAllowedFrom = SafeCast.toUint32(allowedFrom);
        emit DepositsPaused(uint40(until));
    }

    /// @inheritdoc IVault
    function setGuardian(address newGuardian) external onlyGovernance {
        if (newGuardian == address(0)) revert ZeroAddress();
        guardian = newGuardian;
        emit GuardianChanged(newGuardian);
    }

    /// @inheritdoc IVault
    function pauseAllowedFrom() external view returns (uint256) {
        return _pauseAllowedFrom;
    }

    /// @inheritdoc IVault
    function credited(uint256 asset, address account) external view returns (uint256) {
        return _credits[asset][account].amount;
    }

    /// @inheritdoc IVault
    function claimNonce(uint256 asset, address account) external view returns (uint256) {
        return _credits[asset][account].claims;
    }

    /// @inheritdoc IVault
    function depositsPaused() public view returns (bool) {
        return depositsPausedUntil() != 0;
    }

    /// @inheritdoc IVault
    function depositsPausedUntil() public view returns (uint256) {
        uint256 allowedFrom = _pauseAllowedFrom;
        return block.timestamp + MAXIMUM_PAUSE < allowedFrom ? allowedFrom - MAXIMUM_PAUSE : 0;
    }

    /// @dev Queues a deposit.
    function _deposit(uint16 asset, uint256 amount, uint256 inner, bool isNamed)
        private
        returns (uint64 index)
    {
        uint256 until = depositsPausedUntil();
        if (until != 0) revert DepositsArePaused(until);
        (address token, uint128 minimum, uint128 fee, bool named) = registry.depositTerms(asset);
        if (named && !isNamed) revert OwnerNotNamed(asset);
        uint256 received = _receive(token, amount);
        if (received == 0 || received > type(uint128).max) revert AmountOutOfRange(received);
        if (received < minimum) revert DepositBelowMinimum(received, minimum);
        // The registry keeps the fee at half the minimum or below.
        uint256 value = received - fee;

        index = _append(asset, uint128(value), inner);
        emit DepositQueued(index, msg.sender, asset, uint128(value), fee, inner);
        if (fee != 0) _credit(asset, IRollup(rollup).sequencer(), fee);
    }

    /// @dev Takes an amount from the asset's inside balance.
    function _leave(uint16 asset, uint256 amount) private {
        uint256 available = inside[asset];
        if (amount > available) revert TurnstileBreached(asset, amount, available);
        inside[asset] = available - amount;
    }

    /// @dev Lets `account` claim `amount` more. The vault must hold it besides all else that it
    /// owes.
    /// @inheritdoc DepositQueue
    function _credit(uint16 asset, address account, uint256 amount) internal override {
        _credits[asset][account].amount += SafeCast.toUint192(amount);
        emit Credited(asset, account, amount);
    }

    /// @dev Takes the asset from the caller. Returns the growth of the vault's balance.
    function _receive(address token, uint256 amount) private returns (uint256) {
        if (token == address(0)) {
            if (msg.value != amount) revert WrongValue(msg.value, amount);
            return amount;
        }
        if (msg.value != 0) revert WrongValue(msg.value, 0);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        return IERC20(token).balanceOf(address(this)) - before;
    }

    /// @dev Clears the credit of `account`, then pays it and what was released of its held
    /// withdrawals to `to`. A failed payment reverts this call only.
    function _claim(uint16 asset, address account, address to, uint256 released, bool isSigned)
        private
        returns (uint256 amount)
    {
        if (to == address(0)) revert ZeroAddress();
        // An amount that the vault paid to itself would belong to nobody.
        if (to == address(this)) revert ClaimToVault();
        Credit memory credit_ = _credits[asset][account];
        amount = credit_.amount + released;
        if (amount == 0) revert NothingToClaim(asset, account);
        // A claim ends the validity of earlier signatures for this asset. An account without a slot
        // that claims in person gets none.
        if (isSigned || credit_.amount != 0 || credit_.claims != 0) {
            _credits[asset][account] = Credit(0, credit_.claims + 1);
        }
        emit Claimed(asset, account, to, amount);
        address token = registry.tokenOf(asset);
        if (token == address(0)) {
            Address.sendValue(payable(to), amount);
        } else {
            IERC20(token).safeTransfer(to, amount);
        }
    }
}
